"""Cells of a grid that a triangle mesh crosses, exactly.

A triangle and a cell share a point if the triangle's plane meets the cell and their shadows on the three coordinate
planes overlap (Schwarz and Seidel 2010). Shape letters: t triangles, j candidate pairs of a triangle and a cell.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LARGEST = 8.0  # cells that a triangle may span before it is cut in four: most cells of its box would be tried in vain
CANDIDATES = 1 << 19  # pairs looked at together: bounds memory
TOUCHING = 1e-6  # cells, by which a triangle may miss a cell that it touches but for rounding

Array = NDArray[np.float64]
Cells = NDArray[np.int64]
HalfSpace = tuple[tuple[int, ...], Array, Array]
"""Axes looked at, inward direction along them `[t, axes]`, and what to add to its product with a cell `[t]`."""


def crossed_cells(corners: Array, resolution: int) -> NDArray[np.bool_]:
    """Grid `[resolution, resolution, resolution]`, true where a triangle meets the closed cell.

    Args:
        corners: of the triangles `[t, 3, 3]`, in cells: cell i spans [i, i + 1]. The rest of space is left out.
        resolution: cells along each side.
    """
    grid = np.zeros((resolution,) * 3, dtype=bool)
    for triangles in _small(corners):
        low, high = _bounds(triangles)
        first = np.clip(np.floor(low - TOUCHING), 0, resolution).astype(np.int64)
        last = np.clip(np.floor(high + TOUCHING), -1, resolution - 1).astype(np.int64)
        sides = np.maximum(last - first + 1, 0)
        counts = sides[:, 0] * sides[:, 1] * sides[:, 2]
        ends = np.cumsum(counts)
        single = counts == 1
        grid[tuple(first[single].T)] = True
        tests = _Tests(triangles)
        start = 0
        while start < len(triangles):
            stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + CANDIDATES)))
            chosen = np.flatnonzero(~single[start:stop]) + start
            which, cells = _candidates(first[chosen], sides[chosen])
            met = tests.meet(chosen[which], cells)
            grid[tuple(cells[met].T)] = True
            start = stop
    return grid


def _small(corners: Array) -> Iterator[Array]:
    """Triangles `[t, 3, 3]` that span few cells; larger ones are cut in four at their edges' middles until they do."""
    while len(corners):
        low, high = _bounds(corners)
        large = ((high - low) > LARGEST).any(-1)
        yield corners[~large]
        whole = corners[large]
        middle = (whole + np.roll(whole, -1, axis=1)) / 2  # of edges 01, 12, 20
        corners = np.concatenate(
            [np.stack([whole[:, i], middle[:, i], middle[:, i - 1]], axis=1) for i in range(3)] + [middle]
        )


def _bounds(triangles: Array) -> tuple[Array, Array]:
    """Lowest and highest coordinates `[t, 3]`; pairwise, since reductions over a short axis take five times as long."""
    first, second, third = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    return np.minimum(np.minimum(first, second), third), np.maximum(np.maximum(first, second), third)


def _candidates(first: Cells, sides: Cells) -> tuple[Cells, Cells]:
    """All cells of boxes that begin at `first` `[t, 3]` and have `sides` `[t, 3]`: box number `[j]`, cell `[j, 3]`."""
    counts = sides[:, 0] * sides[:, 1] * sides[:, 2]
    which = np.repeat(np.arange(len(first)), counts)
    within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    plane = (sides[:, 1] * sides[:, 2])[which]
    depth = sides[which, 2]
    offsets = np.stack([within // plane, within % plane // depth, within % depth], axis=1)
    return which, first[which] + offsets


class _Tests:
    """Half-spaces whose cells a triangle can meet: two by its plane, three by each shadow's edges.

    Args:
        triangles: `[t, 3, 3]` in cells.
    """

    def __init__(self, triangles: Array) -> None:
        edges = np.roll(triangles, -1, axis=1) - triangles
        normals = np.cross(edges[:, 0], edges[:, 1])
        self.planes = [_half_space((0, 1, 2), sign * normals, triangles[:, 0]) for sign in (1, -1)]
        self.shadows = []
        for axis in range(3):
            plane = ((axis + 1) % 3, (axis + 2) % 3)
            sign = np.where(normals[:, axis] < 0, -1.0, 1.0)
            for edge in range(3):
                along = edges[:, edge]
                inward = np.stack([-sign * along[:, plane[1]], sign * along[:, plane[0]]], axis=1)
                self.shadows.append(_half_space(plane, inward, triangles[:, edge][:, plane]))

    def meet(self, which: Cells, cells: Cells) -> NDArray[np.bool_]:
        """Whether triangles `[j]` meet `cells` `[j, 3]`."""
        left = np.arange(len(which))
        for tests in (self.planes, self.shadows):  # few pairs are left for the nine tests of shadows
            at = tuple(cells[left, axis] for axis in range(3))
            met = np.ones(len(left), dtype=bool)
            for axes, inward, offset in tests:
                near = inward[which[left]]
                met &= sum(near[:, i] * at[axis] for i, axis in enumerate(axes)) + offset[which[left]] >= 0
            left = left[met]
        meets = np.zeros(len(which), dtype=bool)
        meets[left] = True
        return meets


def _half_space(axes: tuple[int, ...], inward: Array, start: Array) -> HalfSpace:
    """Of cells whose corner that lies farthest `inward` `[t, axes]` is not behind `start` `[t, axes]`."""
    ones = np.ones(len(axes))
    slack = TOUCHING * (1 + np.abs(inward) @ ones)
    return axes, inward, np.maximum(inward, 0) @ ones - np.einsum("ta,ta->t", inward, start) + slack
