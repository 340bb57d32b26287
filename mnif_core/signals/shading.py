"""What a field learns at the cells of a solid: on which side of the surface they lie, or also how far from it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FULL = 127
"""The value 1; values are stored as whole numbers of 127ths, so that 1 and -1 are exact."""
FULLNESS = 0.2
"""Cells by which a shaded surface lies outside the true one: a thin part that is guessed comes out too thin."""


def values_of(inside: NDArray[np.bool_]) -> NDArray[np.int8]:
    """1 inside and -1 outside (paper A.2.2), in 127ths."""
    return np.where(inside, FULL, -FULL).astype(np.int8)


def shaded(grid: NDArray[np.bool_], shade: float) -> NDArray[np.int8]:
    """Values of all cells `[e, e, e]` in 127ths: the distance to the surface over `shade`, at most 1, negative outside.

    At a step from 1 to -1 a field that is unsure answers anything, which leaves crumbs and holes; a slope has a right
    answer everywhere near the surface (as signed distances, DeepSDF: Park et al. 2019).

    Args:
        grid: what is inside, `[e, e, e]`.
        shade: cells; 0 for a step.
    """
    if shade <= 0 or not grid.any():
        return values_of(grid)
    margin = int(np.ceil(shade + FULLNESS)) + 1
    (filled,) = ndimage.find_objects(grid.astype(np.int8))
    box = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in filled)
    solid = np.pad(grid[box], 1)  # a solid ends where the grid does
    outside = ndimage.distance_transform_edt(~solid)
    distance = np.where(solid, ndimage.distance_transform_edt(solid) - 0.5, 0.5 - outside)[1:-1, 1:-1, 1:-1]
    values = np.full(grid.shape, -FULL, dtype=np.int8)
    values[box] = np.round(FULL * np.clip((distance + FULLNESS) / shade, -1.0, 1.0))
    return values
