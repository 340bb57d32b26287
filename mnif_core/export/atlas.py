"""Surfaces laid flat: where in a picture each point of a surface lies, and which point each texel shows.

Shape letters: u vertices, t triangles, j texels that show the surface.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnif_core.meshes.raycast import embree_scene

if TYPE_CHECKING:
    import trimesh

DENSE, CHART = 8_000, 60  # faces of a surface from which its charts have so many: large ones of slivers take minutes
GAP = 1 / 256  # between charts, in sides of the picture: as many texels as its smaller versions need to keep apart


class Unwrapped(NamedTuple):
    """A surface cut into charts that lie flat beside each other; vertices on a cut stand in several of them."""

    origin: NDArray[np.int64]
    """Which vertex of the whole surface each one is `[u]`."""
    triangles: NDArray[np.int64]
    """`[t, 3]`, in the order of the whole surface's."""
    places: NDArray[np.float64]
    """(u, v) in [0, 1], v up `[u, 2]`."""


class Texels(NamedTuple):
    """Texels whose centres show the surface."""

    place: NDArray[np.int64]
    """Row and column `[j, 2]`, from the top left."""
    triangle: NDArray[np.int64]
    """That each shows `[j]`."""
    share: NDArray[np.float64]
    """Of the triangle's corners in the point that it shows `[j, 3]`."""


def unwrap(mesh: "trimesh.Trimesh", size: int) -> Unwrapped:
    """Cut a surface into charts, and pack them into a square picture of `size` texels a side, with gaps between."""
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.uint32))
    cutting, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    if len(mesh.faces) > DENSE:
        cutting.max_chart_area = mesh.area * CHART / len(mesh.faces)
    packing.resolution, packing.padding = size, max(1, round(GAP * size))
    atlas.generate(cutting, packing)
    origin, triangles, places = atlas.get_mesh(0)
    # the sides are those that the charts came to need, not quite those asked for
    sides = np.array([atlas.width, atlas.height], np.float64)
    return Unwrapped(origin.astype(np.int64), triangles.astype(np.int64), places * sides / sides.max())


def texels(unwrapped: Unwrapped, size: int, rows: range) -> Texels:
    """The texels in `rows` of a picture of `size` a side that show the surface, found by rays through their centres."""
    flat = np.column_stack([unwrapped.places * size, np.zeros(len(unwrapped.places))])
    row, column = np.meshgrid(np.arange(rows.start, rows.stop), np.arange(size), indexing="ij")
    above = np.stack([column + 0.5, size - row - 0.5, np.ones_like(row)], -1).reshape(-1, 3).astype(np.float32)
    down = np.broadcast_to(np.array([0, 0, -1], np.float32), above.shape).copy()
    hits = embree_scene(flat, unwrapped.triangles).run(above, down, output=True)
    seen = np.flatnonzero(hits["primID"] >= 0)
    second, third = hits["u"][seen].astype(np.float64), hits["v"][seen].astype(np.float64)
    return Texels(
        np.column_stack([row.ravel()[seen], column.ravel()[seen]]),
        hits["primID"][seen].astype(np.int64),
        np.column_stack([1 - second - third, second, third]),
    )


def with_margins(picture: NDArray[np.uint8], shown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A picture `[h, w, 3]` in which each texel that is not `shown` `[h, w]` is as the nearest one that is.

    So what is between texels, and what smaller versions of the picture blend, is of the surface alone.
    """
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~shown, return_distances=False, return_indices=True)
    return picture[tuple(nearest)]
