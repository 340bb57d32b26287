"""A plate of side 2 in the x-z plane, its front towards -y, as files of any kind; and what is seen of it from there.

Colours are those of the surface itself in [0, 255], the light on it divided out.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnif_core.files.notes import collected_notes
from mnif_core.meshes.raycast import brightness
from mnif_core.meshes.textured_mesh import TexturedMesh, read_textured_mesh

FORWARD = np.array([0.0, 1.0, 0.0])
SHADE = float(brightness(-FORWARD[None])[0])
CORNERS = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], np.float32)
UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)  # v up
FACES = np.array([0, 1, 2, 0, 2, 3], np.uint16)
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
ORDER = [RED, GREEN, BLUE, YELLOW]
QUARTERS = np.array([[RED, GREEN], [BLUE, YELLOW]], np.uint8).repeat(8, 0).repeat(8, 1)
PLACES = {"upper left": (-0.5, 0.5), "upper right": (0.5, 0.5), "lower left": (-0.5, -0.5), "lower right": (0.5, -0.5)}
MIDDLE = (0.1, 0.2)


def read(path: Path) -> tuple[TexturedMesh, str]:
    """A mesh, z up, and the one note on it, without its path; empty for none."""
    with collected_notes() as lines:
        mesh = read_textured_mesh(path, "z")
    assert len(lines) <= 1 and all(line.startswith(f"{path}: ") and "\n" not in line for line in lines)
    return mesh, lines[0].removeprefix(f"{path}: ") if lines else ""


def seen(mesh: TexturedMesh, x: float, z: float) -> tuple[int, ...] | None:
    """Colour seen from the front at (x, z) in [-1, 1] of the mesh's box, none where there is nothing."""
    corners = mesh.vertices[mesh.triangles]
    low, high = corners.min((0, 1)), corners.max((0, 1))
    target = (low + high) / 2 + np.array([x, 0.0, z]) * (high - low) / 2
    sides = corners[:, 1:, ::2] - corners[:, :1, ::2]
    flat = np.abs(np.linalg.det(sides)) > 1e-12
    share = np.full((len(corners), 2), -1.0)
    share[flat] = np.linalg.solve(sides[flat].swapaxes(1, 2), (target[::2] - corners[flat, 0, ::2])[..., None])[..., 0]
    hits = np.flatnonzero((share >= 0).all(1) & (share.sum(1) <= 1))
    depth = corners[hits, 0, 1] + ((corners[hits, 1:, 1] - corners[hits, :1, 1]) * share[hits]).sum(1)
    hits = hits[np.argsort(depth, kind="stable")]
    painted = mesh.painter()(hits, share[hits].astype(np.float32), np.tile(FORWARD, (len(hits), 1)).astype(np.float32))
    lit, found = mesh.lit[hits], ~np.isnan(painted[:, 0])
    if not found.any():
        return None
    first = int(found.argmax())
    return tuple(np.round(painted[first] / (SHADE if lit[first] else 1.0) * 255).astype(int).tolist())


def about(colour: tuple[int, ...], within: int = 2) -> Any:
    """Equal to colours within some levels."""
    import pytest

    return pytest.approx(colour, abs=within)


def png(pixels: NDArray[Any], kind: str = "png") -> bytes:
    """A picture file of an array that Pillow knows."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, lossless=True) if kind == "webp" else Image.fromarray(pixels).save(
        stream, kind
    )
    return stream.getvalue()


def write_obj(folder: Path, material: str, library: str = "mtllib plate.mtl", colours: Any = None) -> Path:
    """The plate of material `one`, as Wavefront files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plate.mtl").write_bytes(f"newmtl one\n{material}\n".encode())
    ends = [""] * 4 if colours is None else [" ".join(map(str, colour)) for colour in colours]
    corners = "\n".join(f"v {x} {y} {z} {end}" for (x, y, z), end in zip(CORNERS, ends, strict=True))
    (folder / "plate.obj").write_text(
        f"{library}\n{corners}\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl one\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    )
    return folder / "plate.obj"


class Glb:
    """A `.glb` file in the making: its JSON, to be changed at will, and its binary part."""

    def __init__(self) -> None:
        self.binary = b""
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}, "bufferViews": [], "accessors": []}

    def view(self, content: bytes) -> int:
        """A new buffer view."""
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content)})
        self.binary += content + b"\0" * (-len(content) % 4)
        return len(self.json["bufferViews"]) - 1

    def array(self, values: NDArray[Any], **more: Any) -> int:
        """A new accessor."""
        kinds = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
        shape = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}[values.shape[1:]]
        item = {"componentType": kinds[values.dtype.str[1:]], "type": shape, "count": len(values), **more}
        self.json["accessors"].append({"bufferView": self.view(values.tobytes()), **item})
        return len(self.json["accessors"]) - 1

    def image(self, content: bytes) -> int:
        """A new image, with a texture of its own of the same number."""
        self.json.setdefault("images", []).append({"bufferView": self.view(content), "mimeType": "image/png"})
        self.json.setdefault("textures", []).append({"source": len(self.json["images"]) - 1})
        return len(self.json["images"]) - 1

    def plate(self, **attributes: int) -> dict[str, Any]:
        """A primitive; texture coordinates are glTF's, v down."""
        down = UV * [1, -1] + [0, 1]
        found = {"POSITION": self.array(CORNERS), "TEXCOORD_0": self.array(down.astype(np.float32))}
        return {"attributes": found | attributes, "indices": self.array(FACES)}

    def write(self, path: Path, *primitives: dict[str, Any]) -> Path:
        """As one mesh in one node, unless the JSON has its own."""
        self.json.setdefault("meshes", [{"primitives": list(primitives)}])
        self.json.setdefault("nodes", [{"mesh": 0}])
        self.json.setdefault("scenes", [{"nodes": list(range(len(self.json["nodes"])))}])
        self.json.setdefault("buffers", [{"byteLength": len(self.binary)}])
        path.write_bytes(self.packed())
        return path

    def packed(self) -> bytes:
        """The whole file."""
        text = json.dumps(self.json).encode()
        text += b" " * (-len(text) % 4)
        chunks = len(text).to_bytes(4, "little") + b"JSON" + text
        chunks += len(self.binary).to_bytes(4, "little") + b"BIN\0" + self.binary
        return b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks


def four(mesh: TexturedMesh) -> list[Any]:
    """What is seen in the plate's quarters."""
    return [seen(mesh, *place) for place in PLACES.values()]


def textured(glb: Glb, content: bytes, texture: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A plate with a picture."""
    primitive = glb.plate()
    reference = {"index": glb.image(content), **(texture or {})}
    glb.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": reference}, **more}]
    return primitive | {"material": 0}
