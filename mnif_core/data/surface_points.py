"""Points near a shape's surface, where occupancy is decided (IM-NET's recipe, paper A.2.2)."""

import numpy as np
from numpy.typing import NDArray

POINTS = 16384  # of each shape
ANYWHERE = 4096  # of them in the whole cube: near the surface alone, a field may fill empty space with crumbs

FEW = 16  # shapes: fewer are known at more points each, which a field of fewer would learn by heart and leave the rest


def points_of_each(shapes: int, resolution: int) -> int:
    """How many cells to draw of each of so many grids: IM-NET's number, of few shapes more, up to the whole grid."""
    return max(POINTS, min(resolution**3, FEW * POINTS // shapes))


def near_surface_cells(
    grid: NDArray[np.bool_], seed: int, count: int = POINTS
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw cells whose 3 x 3 x 3 neighbourhood is mixed, and a quarter of them (or what those leave) anywhere else.

    IM-NET draws a point inside each cell of a 256^3 grid; a grid of its own resolution knows cells only.

    Args:
        grid: `[r, r, r]`, r at most 256.
        seed: of the draw.
        count: how many, each cell at most once.

    Returns:
        Cells `[count, 3]` and whether they are inside `[count]`.
    """
    rng = np.random.default_rng(seed)
    resolution = len(grid)
    padded = np.pad(grid, 1, mode="edge")
    lowest, highest = padded, padded
    for axis in range(3):
        views = [np.take(lowest, range(i, i + resolution), axis) for i in range(3)]
        lowest = views[0] & views[1] & views[2]
        views = [np.take(highest, range(i, i + resolution), axis) for i in range(3)]
        highest = views[0] | views[1] | views[2]
    mixed = (lowest != highest).ravel()
    near, rest = rng.permutation(np.flatnonzero(mixed)), np.flatnonzero(~mixed)
    chosen = near[: count - count * ANYWHERE // POINTS]
    if len(chosen) < count:
        chosen = np.concatenate([chosen, rng.choice(rest, min(count - len(chosen), len(rest)), replace=False)])
    if len(chosen) < count:  # a grid with fewer cells than points
        chosen = np.concatenate([chosen, rng.choice(chosen, count - len(chosen))])
    cells = np.stack(np.unravel_index(chosen, grid.shape), axis=-1).astype(np.uint8)
    return cells, grid.ravel()[chosen]
