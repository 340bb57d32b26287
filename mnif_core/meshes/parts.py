"""What a mesh file holds, whatever its format: parts of one material each, in linear light.

Shape letters: u vertices, t triangles, j places in a texture.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnif_core.meshes.srgb import to_linear

Array = NDArray[np.float64]
Wrap = Literal["repeat", "mirror", "clamp"]
Up = Literal["y", "z"]

NEUTRAL = (0.448, 0.448, 0.448, 1.0)  # of meshes without any colour: 0.7 as seen
OPAQUE = 0.5  # alpha from which a surface is seen, not seen through, where its file does not say
SMOOTH = np.cos(np.radians(40.0))  # edges sharper than this stay sharp
LINEAR = to_linear(np.arange(256) / 255.0).astype(np.float32)  # light of a picture's bytes


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture and how it goes on beyond its edges."""

    picture: NDArray[np.uint8]
    """RGBA `[height, width, 4]`, colours in sRGB, alpha linear."""
    wrap: tuple[Wrap, Wrap] = ("repeat", "repeat")
    """Beyond [0, 1], across and up."""
    smooth: bool = True
    """Between pixels: blended, or the nearest one."""

    def look_up(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """RGB in linear light and alpha, in [0, 1], `[j, 4]` at (u, v) `[j, 2]`, v up."""
        height, width = self.picture.shape[:2]
        x, y = places[:, 0] * width, (1.0 - places[:, 1]) * height
        if not self.smooth:
            return self._pixels(np.floor(y).astype(np.int64), np.floor(x).astype(np.int64))
        left, top = np.floor(x - 0.5), np.floor(y - 0.5)
        right_share, low_share = (x - 0.5 - left)[:, None], (y - 0.5 - top)[:, None]
        column, row = left.astype(np.int64), top.astype(np.int64)
        upper = self._pixels(row, column) * (1 - right_share) + self._pixels(row, column + 1) * right_share
        lower = self._pixels(row + 1, column) * (1 - right_share) + self._pixels(row + 1, column + 1) * right_share
        return (upper * (1 - low_share) + lower * low_share).astype(np.float32)

    def _pixels(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
        height, width = self.picture.shape[:2]
        taken = self.picture[_wrapped(row, height, self.wrap[1]), _wrapped(column, width, self.wrap[0])]
        light = LINEAR[taken]
        light[:, 3] = taken[:, 3] / np.float32(255.0)
        return light


def _wrapped(index: NDArray[np.int64], size: int, wrap: Wrap) -> NDArray[np.int64]:
    if wrap == "clamp":
        return np.clip(index, 0, size - 1)
    if wrap == "mirror":
        index = index % (2 * size)
        return np.minimum(index, 2 * size - 1 - index)
    return index % size


@dataclass(frozen=True)
class Material:
    """What all triangles of a part share: the surface's colour is factor x colours of the corners x texture."""

    factor: tuple[float, ...] = NEUTRAL
    """RGBA in linear light."""
    texture: Texture | None = None
    cutoff: float = OPAQUE
    """Alpha from which it is seen, 0 for everywhere."""
    lit: bool = True
    """Whether light shades it."""


@dataclass(frozen=True)
class Part:
    """Triangles of one material."""

    vertices: Array
    """`[u, 3]`."""
    triangles: NDArray[np.int64]
    """`[t, 3]`."""
    normals: NDArray[np.float32]
    """Unit normals of the corners `[t, 3, 3]`."""
    material: Material
    colours: NDArray[np.floating] | None = None
    """RGBA of the corners in linear light `[t, 3, 4]`. None: white."""
    places: NDArray[np.floating] | None = None
    """Of the corners in the texture `[t, 3, 2]`: (u, v), v up."""


def corner_normals(vertices: Array, triangles: NDArray[np.int64]) -> NDArray[np.float32]:
    """Normals `[t, 3, 3]`: of the place, but of the triangle itself where the surface has an edge."""
    import trimesh

    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    mesh.merge_vertices()  # those that differ in colour or texture, or that the format repeats
    flat = np.asarray(mesh.face_normals)[:, None]
    smooth = np.asarray(mesh.vertex_normals)[mesh.faces]
    return np.where((flat * smooth).sum(-1, keepdims=True) > SMOOTH, smooth, flat).astype(np.float32)


def flat_normals(corners: Array) -> NDArray[np.float32]:
    """Normals `[t, 3, 3]` of the triangles themselves, whose corners are `[t, 3, 3]`."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return np.repeat(normals[:, None], 3, axis=1).astype(np.float32)
