"""Meshes as they come, with textures, materials and vertex colours, ready to be ray-cast.

Surfaces are drawn matte, as the fixed light shades them: roughness, metal, reflections and normal maps are not drawn.

Shape letters: t triangles, j hits.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError, MnifError, printable
from mnif_core.files.notes import collected_notes, note
from mnif_core.meshes.mesh_files import read_parts, unreadable
from mnif_core.meshes.parts import Array, Part, Texture, Up
from mnif_core.meshes.raycast import Painter, brightness
from mnif_core.meshes.srgb import from_linear
from mnif_core.meshes.surroundings import Surroundings

FURTHEST = 1e4  # places in a texture, beyond which single precision has no fraction that matters


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
    """RGBA of the corners, in linear light in [0, 1] `[t, 3, 4]`, by which the texture is multiplied."""
    places: NDArray[np.float32]
    """Of the corners in the texture `[t, 3, 2]`: (u, v), v up."""
    textures: list[Texture]
    """Pictures on the triangles."""
    texture: NDArray[np.int64]
    """Which of them each triangle has `[t]`, -1 for none."""
    cutoff: NDArray[np.float32]
    """Alpha from which each triangle is seen, not seen through `[t]`."""
    lit: NDArray[np.bool_]
    """Which triangles light shades `[t]`."""

    def painter(self) -> Painter:
        """Lambert shading of both sides; seen through where alpha is below the cutoff."""

        def paint(
            triangle: NDArray[np.int64], share: NDArray[np.float32], direction: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            weights = np.column_stack([1 - share.sum(1), share])[..., None]
            colours = (self.colours[triangle] * weights).sum(1)
            places = (self.places[triangle] * weights).sum(1)
            worn = self.texture[triangle]
            for index in np.unique(worn[worn >= 0]):
                on = worn == index
                colours[on] *= self.textures[index].look_up(places[on])
            normals = (self.normals[triangle] * weights).sum(1)
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
            normals *= -np.sign((normals * direction).sum(1, keepdims=True))
            seen = from_linear(np.clip(colours[:, :3], 0, 1))
            seen *= np.where(self.lit[triangle], brightness(normals), 1.0)[:, None]
            seen[colours[:, 3] < self.cutoff[triangle]] = np.nan
            return seen.astype(np.float32)

        return paint


def read_textured_mesh(path: Path, up: Up) -> TexturedMesh:
    """Read a mesh of any format that trimesh reads, centred, z up, its box's diagonal 1 as in SRN's sets.

    One note says what of it is not drawn as its file says.

    Args:
        path: with its materials and textures where it says they are; a texture that is missing is left out.
        up: axis of the file that points up, unless the file or its format says so, as Collada and 3MF do.

    Raises:
        DataError: not readable, without faces, not finite, or without extent.
        DependencyError: the package that reads its format is not installed.
    """
    around = Surroundings(path)
    try:
        with collected_notes() as lines, np.errstate(all="ignore"):  # what is not finite is refused in the end
            mesh = _joined(path, read_parts(around), around.up or up)
    except MnifError:
        raise
    except Exception as error:  # of numbers that no mesh has
        raise unreadable(path, error) from error
    for line in lines:
        around.say(line.removeprefix(f"{path}: "))
    if around.said:
        note(printable(f"{path}: {around.said}"))
    return mesh


def _joined(path: Path, parts: list[Part], up: Up) -> TexturedMesh:
    """All parts of a file as one mesh in the frame of SRN."""
    vertices = np.concatenate([part.vertices for part in parts])
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=True)])
    used = vertices[np.unique(triangles)]
    low, high = used.min(0), used.max(0)
    diagonal = np.linalg.norm(high - low)
    if not np.isfinite(diagonal) or diagonal == 0:
        raise DataError(f"{path}: no finite extent; repair or remove it")
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) if up == "y" else np.eye(3)
    textures: list[Texture] = []
    worn = []
    for part in parts:
        picture = part.material.texture
        if picture is not None and picture not in textures:
            textures.append(picture)
        worn.append(-1 if picture is None else textures.index(picture))
    counts = [len(part.triangles) for part in parts]
    return TexturedMesh(
        vertices=(vertices - (low + high) / 2) / diagonal @ turn.T,
        triangles=triangles.astype(np.int64),
        normals=np.nan_to_num(np.concatenate([part.normals for part in parts])) @ turn.T.astype(np.float32),
        colours=np.concatenate([_coloured(part) for part in parts]),
        places=np.concatenate([_placed(part) for part in parts]),
        textures=textures,
        texture=np.repeat(worn, counts),
        cutoff=np.repeat([np.float32(part.material.cutoff) for part in parts], counts),
        lit=np.repeat([part.material.lit for part in parts], counts),
    )


def _coloured(part: Part) -> NDArray[np.float32]:
    """Colours of the corners `[t, 3, 4]`."""
    painted = np.ones((len(part.triangles), 3, 4)) if part.colours is None else part.colours
    return np.nan_to_num(painted * part.material.factor).astype(np.float32)


def _placed(part: Part) -> NDArray[np.float32]:
    """Of the corners `[t, 3, 2]`."""
    if part.places is None:
        return np.zeros((len(part.triangles), 3, 2), np.float32)
    return np.clip(np.nan_to_num(part.places), -FURTHEST, FURTHEST).astype(np.float32)
