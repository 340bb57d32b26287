"""Meshes as they come, with textures, materials and vertex colours, ready to be ray-cast.

Shape letters: t triangles, n hits.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.meshes.raycast import Painter, brightness
from mnif_core.meshes.srgb import from_linear

if TYPE_CHECKING:
    import trimesh

NEUTRAL = (0.7, 0.7, 0.7, 1.0)  # of meshes without any colour
TEXTURE_SIZE = 512  # pixels a side that textures are shrunk to: views are small, and finer detail would flicker
SMOOTH = np.cos(np.radians(40.0))  # edges sharper than this stay sharp
OPAQUE = 0.5  # alpha from which a surface is seen, not seen through
GLTF = (".glb", ".gltf")  # whose colours are linear

Array = NDArray[np.float64]
Up = Literal["y", "z"]


@dataclass(frozen=True)
class TexturedMesh:
    """Triangles whose corners have normals, colours and places in a texture."""

    vertices: Array
    """`[vertices, 3]`."""
    triangles: NDArray[np.int64]
    """`[t, 3]`."""
    normals: NDArray[np.float32]
    """Unit normals of the corners `[t, 3, 3]`."""
    colours: NDArray[np.float32]
    """RGBA of the corners in [0, 1] `[t, 3, 4]`, by which the texture is multiplied."""
    places: NDArray[np.float32]
    """Of the corners in the texture `[t, 3, 2]`: (u, v), v up, repeating beyond [0, 1]."""
    textures: list[NDArray[np.uint8]]
    """RGBA pictures `[height, width, 4]`."""
    texture: NDArray[np.int64]
    """Which of them each triangle has `[t]`, -1 for none."""

    def painter(self) -> Painter:
        """Lambert shading of both sides; seen through where alpha is below one half."""

        def paint(
            triangle: NDArray[np.int64], share: NDArray[np.float32], direction: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            weights = np.column_stack([1 - share.sum(1), share])[..., None]
            colours = (self.colours[triangle] * weights).sum(1)
            places = (self.places[triangle] * weights).sum(1)
            for index, picture in enumerate(self.textures):
                on = self.texture[triangle] == index
                colours[on] *= _look_up(picture, places[on])
            normals = (self.normals[triangle] * weights).sum(1)
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
            normals *= -np.sign((normals * direction).sum(1, keepdims=True))
            seen = colours[:, :3] * brightness(normals)[:, None]
            seen[colours[:, 3] < OPAQUE] = np.nan
            return seen.astype(np.float32)

        return paint


def read_textured_mesh(path: Path, up: Up) -> TexturedMesh:
    """Read a mesh of any format that trimesh reads, centred, z up, its box's diagonal 1 as in SRN's sets.

    Args:
        path: with its materials and textures where it says they are; a texture that is missing is left out.
        up: axis of the file that points up.

    Raises:
        DataError: not readable, without faces, not finite, or without extent.
    """
    import trimesh

    try:
        scene = trimesh.load_scene(path)
        meshes = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        if not meshes:
            raise DataError(f"{path}: no faces; export it as a mesh, or remove it")
        return _joined(path, meshes, up)
    except DataError:
        raise
    except Exception as error:  # trimesh's readers raise whatever their formats' libraries raise
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable mesh ({reason}); repair or remove it") from error


def _joined(path: Path, meshes: "list[trimesh.Trimesh]", up: Up) -> TexturedMesh:
    """All parts of a file as one mesh in the frame of SRN."""
    vertices = np.concatenate([np.asarray(mesh.vertices, np.float64) for mesh in meshes])
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    triangles = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)])
    used = vertices[np.unique(triangles)]
    low, high = used.min(0), used.max(0)
    diagonal = np.linalg.norm(high - low)
    if not np.isfinite(diagonal) or diagonal == 0:
        raise DataError(f"{path}: no finite extent; repair or remove it")
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) if up == "y" else np.eye(3)
    textures: list[NDArray[np.uint8]] = []
    colours, places, texture = [], [], []
    for mesh in meshes:
        colour, place, picture = _appearance(mesh, path.suffix.lower() in GLTF)
        colours.append(colour)
        places.append(place)
        texture.append(np.full(len(mesh.faces), -1 if picture is None else len(textures)))
        textures += [] if picture is None else [picture]
    return TexturedMesh(
        vertices=(vertices - (low + high) / 2) / diagonal @ turn.T,
        triangles=triangles.astype(np.int64),
        normals=np.concatenate([_corner_normals(mesh) for mesh in meshes]) @ turn.T.astype(np.float32),
        colours=np.concatenate(colours).astype(np.float32),
        places=np.concatenate(places).astype(np.float32),
        textures=textures,
        texture=np.concatenate(texture),
    )


def _corner_normals(mesh: "trimesh.Trimesh") -> NDArray[np.float32]:
    """Normals `[t, 3, 3]`: of the vertex, but of the triangle itself where the surface has an edge."""
    flat = np.asarray(mesh.face_normals)[:, None]
    smooth = np.asarray(mesh.vertex_normals)[mesh.faces]
    return np.where((flat * smooth).sum(-1, keepdims=True) > SMOOTH, smooth, flat).astype(np.float32)


def _appearance(mesh: "trimesh.Trimesh", linear: bool) -> tuple[Array, Array, NDArray[np.uint8] | None]:
    """Colours `[t, 3, 4]`, places in the texture `[t, 3, 2]`, and the texture of one part."""
    visual: Any = mesh.visual
    corners = mesh.faces
    places = np.zeros((*corners.shape, 2))
    picture, factor, painted = None, np.array(NEUTRAL), None
    if visual.kind == "vertex":
        painted, factor = visual.vertex_colors[corners], np.ones(4)
    elif visual.kind == "face":
        painted, factor = np.repeat(visual.face_colors[:, None], 3, axis=1), np.ones(4)
    elif visual.kind == "texture":
        picture, factor = _material(visual.material, linear)
        if picture is not None and visual.uv is not None:
            places = np.asarray(visual.uv)[corners][..., :2]
        elif picture is not None:
            picture = None
        attribute = visual.vertex_attributes.get("color")
        painted = None if attribute is None else np.asarray(attribute)[corners]
    colours = np.broadcast_to(factor, (*corners.shape, 4)).astype(np.float64)
    if painted is not None:
        share = painted / (255.0 if np.issubdtype(painted.dtype, np.integer) else 1.0)
        if linear:
            share[..., :3] = from_linear(share[..., :3])
        colours[..., : share.shape[-1]] *= share
    return colours, places, picture


def _material(material: Any, linear: bool) -> tuple[NDArray[np.uint8] | None, Array]:
    """Texture and RGBA factor of a material, its alpha 1 where the material says that it is opaque."""
    from PIL import Image

    if hasattr(material, "baseColorTexture"):
        image, given = material.baseColorTexture, material.baseColorFactor
        opaque = material.alphaMode in (None, "OPAQUE")
        factor = np.ones(4) if given is None else np.asarray(given) / 255.0
        if linear:
            factor[:3] = from_linear(factor[:3])
    else:
        image, opaque = material.image, False
        # a texture of Wavefront's takes the place of the colour, as most programs write and read it
        factor = np.ones(4) if image is not None else np.asarray(material.diffuse, np.float64) / 255.0
        factor[3] = float(material.kwargs.get("d", [1.0])[-1])
    if opaque:
        factor[3] = 1.0
    if image is None:
        return None, factor
    image = image.convert("RGBA")
    image.thumbnail((TEXTURE_SIZE, TEXTURE_SIZE), Image.Resampling.BOX)
    picture = np.array(image)
    if opaque:
        picture[..., 3] = 255
    return picture, factor


def _look_up(picture: NDArray[np.uint8], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """RGBA in [0, 1] `[n, 4]` at (u, v) `[n, 2]`, bilinear, repeating."""
    height, width = picture.shape[:2]
    x, y = places[:, 0] * width - 0.5, (1.0 - places[:, 1]) * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    columns, rows = (left % width, (left + 1) % width), (top % height, (top + 1) % height)
    upper, lower = (
        picture[row, columns[0]] * (1 - right_share) + picture[row, columns[1]] * right_share for row in rows
    )
    return ((upper * (1 - low_share) + lower * low_share) / 255.0).astype(np.float32)
