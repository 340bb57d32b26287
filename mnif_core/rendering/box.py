"""Boxes along the axes, and where rays and pictures meet them.

Shape letters: r rays, v views.
"""

import torch
from torch import Tensor

from mnif_core.files.stored_config import Finite
from mnif_core.rendering.cameras import NEAREST, pixels_showing, project

Corner = tuple[Finite, Finite, Finite]
Box = tuple[Corner, Corner]
"""Low and high corner, x, y, z, in scene coordinates."""

PARALLEL = 1e-9  # components of a direction below this are taken as this: 0 has no inverse


def grown(box: Box, margin: float) -> Box:
    """`box` with `margin` added on all six sides."""
    (a, b, c), (d, e, f) = box
    return (a - margin, b - margin, c - margin), (d + margin, e + margin, f + margin)


def longest_side(box: Box) -> float:
    """The longest side, in scene units."""
    return max(high - low for low, high in zip(*box, strict=True))


def crossed(low: Tensor, high: Tensor, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Depths `[...]` at which rays from `origins` `[..., 3]` along `directions` `[..., 3]` enter and leave a box.

    In units of the directions. A ray meets the box if it leaves it later than it enters it, and in front of its origin.

    Args:
        low: `[3]`.
        high: `[3]`.
        origins: in scene coordinates.
        directions: of any length.
    """
    parallel = directions.abs() < PARALLEL
    inverse = 1.0 / torch.where(parallel, PARALLEL, directions)
    one, other = (low - origins) * inverse, (high - origins) * inverse
    return torch.minimum(one, other).amax(-1), torch.maximum(one, other).amin(-1)


def inside(box: Box, points: Tensor) -> Tensor:
    """Whether `points` `[..., 3]` lie in `box`: `[...]`."""
    low, high = torch.tensor(box, dtype=points.dtype, device=points.device)
    return ((points >= low) & (points <= high)).all(-1)


def seen_in(box: Box, camera_to_worlds: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """The pixels of each view that can show what is in `box`: first and last row, first and last column, `[v, 4]`.

    The last ones are included. A view that has a corner of the box beside or behind its camera, or does not show the
    box, has all its pixels.

    Args:
        box: in scene coordinates.
        camera_to_worlds: `[v, 3, 4]`, OpenGL axes.
        intrinsics: `[v, 4]`: fx, fy, cx, cy in pixels.
        height: rows of a view.
        width: columns of a view.
    """
    corners = torch.cartesian_prod(*torch.tensor(box, device=camera_to_worlds.device).T)
    rows, columns, depth = project(corners, camera_to_worlds, intrinsics)
    behind = (depth < NEAREST).any(1)
    ends = [rows.amin(1), rows.amax(1), columns.amin(1), columns.amax(1)]
    last = torch.tensor([height - 1, height - 1, width - 1, width - 1], device=depth.device)
    pixels = torch.stack(ends, 1).floor()
    beside = (pixels[:, 0] > last[0]) | (pixels[:, 1] < 0) | (pixels[:, 2] > last[2]) | (pixels[:, 3] < 0)
    pixels = torch.minimum(pixels.clamp(min=0), last).long()
    return torch.where((behind | beside)[:, None], last * torch.tensor([0, 1, 0, 1], device=last.device), pixels)


def pixels_within(ranges: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of pixels within `ranges` as `seen_in` gives them, `[..., 4]`, for `chances` `[2, ...]`.

    Args:
        ranges: of each pixel, or of so many as broadcasting asks for.
        chances: uniform in [0, 1), for rows and for columns.
    """
    first_row, last_row, first, last = ranges.unbind(-1)
    rows = first_row + (chances[0] * (last_row + 1 - first_row)).long()
    return rows, first + (chances[1] * (last + 1 - first)).long()


def pixels_of_points(
    box: Box, camera_to_worlds: Tensor, intrinsics: Tensor, height: int, width: int, chances: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows and columns `[v, j]` of the pixels that show points drawn evenly from `box`; rays through them meet it.

    Where a point is beside a view or behind its camera, any pixel of the view stands for it.

    Args:
        box: in scene coordinates.
        camera_to_worlds: `[v, 3, 4]`, OpenGL axes.
        intrinsics: `[v, 4]`: fx, fy, cx, cy in pixels.
        height: rows of a view.
        width: columns of a view.
        chances: `[3, v, j]`, uniform in [0, 1).
    """
    low, high = torch.tensor(box, device=chances.device)
    points = low + chances.movedim(0, -1) * (high - low)
    rows, columns, shown = pixels_showing(points, camera_to_worlds, intrinsics, height, width)
    anywhere = (chances[0] * height).long(), (chances[1] * width).long()
    return torch.where(shown, rows, anywhere[0]), torch.where(shown, columns, anywhere[1])
