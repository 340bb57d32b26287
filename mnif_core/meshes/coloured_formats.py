"""PLY, STL and Collada: geometry and colours as trimesh reads them, and what it leaves out."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.meshes.parts import OPAQUE, Material, Part, Texture, corner_normals
from mnif_core.meshes.srgb import to_linear
from mnif_core.meshes.surroundings import Surroundings

STL_HEAD, STL_TRIANGLE = 84, 50  # bytes
STL_TEXT = 2048  # bytes in which a text file has its first triangle


def read_coloured(around: Surroundings) -> list[Part]:
    """Parts of any format that trimesh reads; colours in such files are as displayed, not linear.

    Raises:
        DataError: not readable.
    """
    import trimesh

    path = around.path
    kind = path.suffix.lower()[1:]
    content = path.read_bytes()
    if kind == "ply":
        _require_whole(path, content)
    elif kind == "stl":
        content = _whole_stl(path, content)
    elif kind == "dae":
        _note_axis(around, content)
    with _quiet():
        # not processed: trimesh would make one of vertices that differ in colour
        scene = trimesh.load_scene(io.BytesIO(content), file_type=kind, resolver=around, process=False)  # type: ignore[arg-type]
    for mesh in scene.geometry.values():
        faces = np.asarray(getattr(mesh, "faces", ()))
        if len(faces) and not 0 <= faces.min() <= faces.max() < len(mesh.vertices):
            raise DataError(f"{path}: not a readable mesh (faces of vertices that are not there); repair or remove it")
    parts = []
    for mesh in scene.dump():
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            parts.append(_part(around, mesh))
    return parts


@contextmanager
def _quiet() -> Iterator[None]:
    """Trimesh logs stack traces of what is missing, which is said here in its own way."""
    logger = logging.getLogger("trimesh")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _require_whole(path: Path, content: bytes) -> None:
    """Refuse a PLY header that counts more than the file can hold: a value takes at least one byte.

    Raises:
        DataError: it does, or it has no end.
    """
    head, end, _ = content.partition(b"end_header")
    counts = [int(count) for count in re.findall(rb"^\s*element\s+\S+\s+(-?\d+)", head, re.M)]
    if not end or any(count < 0 for count in counts) or sum(counts) > len(content):
        raise DataError(f"{path}: not a readable mesh (cut short, or its header is damaged); repair or remove it")


def _whole_stl(path: Path, content: bytes) -> bytes:
    """A binary STL file without what some programs put behind its triangles; text as it is.

    Raises:
        DataError: it has fewer triangles than it says.
    """
    if b"facet" in content[:STL_TEXT].lower() or len(content) < STL_HEAD:
        return content
    said = STL_HEAD + STL_TRIANGLE * int.from_bytes(content[STL_HEAD - 4 : STL_HEAD], "little")
    if said > len(content):
        raise DataError(f"{path}: not a readable mesh (cut short: {len(content)} of {said} bytes); repair or remove it")
    return content[:said]


def _note_axis(around: Surroundings, content: bytes) -> None:
    """Remember which axis a Collada file says is up."""
    found = re.search(rb"<up_axis>\s*([XYZ])_UP", content)
    if found is not None and found[1] == b"X":
        around.say("its up axis x is not turned")
    elif found is not None:
        around.up = "z" if found[1] == b"Z" else "y"


def _part(around: Surroundings, mesh: Any) -> Part:
    """One mesh of trimesh's."""
    from trimesh.visual.color import to_rgba

    visual, faces = mesh.visual, np.asarray(mesh.faces, np.int64)
    vertices = np.asarray(mesh.vertices, np.float64)
    material, places = Material(), None
    painted: NDArray[Any] | None = None
    if visual.kind == "vertex":
        painted = np.asarray(visual.vertex_colors)[faces]
    elif visual.kind == "face":
        painted = np.repeat(np.asarray(visual.face_colors)[:, None], 3, axis=1)
    elif visual.kind == "texture":
        chosen = _material(around, visual.material)
        attribute = visual.vertex_attributes.get("color")
        if attribute is not None and chosen is None:
            painted = np.asarray(to_rgba(attribute))[faces]
        elif attribute is not None:
            around.say("vertex colours left out, as materials have others")
        material = chosen or material
        if visual.uv is not None and len(visual.uv) == len(vertices):
            places = np.asarray(visual.uv, np.float64)[faces][..., :2]
        elif material.texture is not None:
            around.say("textures left out where there are no texture coordinates")
            material = replace(material, texture=None)
    colours = None
    if painted is not None:
        share = painted / 255.0
        colours = np.concatenate([to_linear(share[..., :3]), share[..., 3:]], -1)
        material = Material((1.0,) * 4)
    return Part(vertices, faces, corner_normals(vertices, faces), material, colours, places)


def _material(around: Surroundings, material: Any) -> Material | None:
    """Of trimesh's kinds: physically based, from Collada, or simple, from PLY, none where that has no picture."""
    if hasattr(material, "baseColorTexture"):
        image, factor = material.baseColorTexture, material.baseColorFactor
    elif around.given:
        image, factor = material.image, None
    else:
        return None  # trimesh makes a picture up where there are places in one
    colour = np.ones(4) if factor is None else np.asarray(factor, np.float64) / 255.0
    if 0 < colour[3] < 1:
        around.say(f"what is half transparent ({colour[3]:.2g}) is {'opaque' if colour[3] >= OPAQUE else 'not drawn'}")
    texture = None
    if image is not None:
        try:
            texture = Texture(around.shrunk(image, str(image.info.get("file_path", "picture")), alpha=False))
        except DataError as error:
            around.say(str(error))
    return Material((*to_linear(colour[:3]).tolist(), float(colour[3])), texture)
