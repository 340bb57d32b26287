"""The box that holds all objects of a set, from their silhouettes (the visual hull, Laurentini 1994).

Shape letters: v views, p points, e cells along an edge.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mnif_core.rendering.box import Box
from mnif_core.rendering.cameras import NEAREST, pixels_showing

COARSE, FINE = 32, 48  # cells along an edge of the cube that is searched, and of the box that the search has left
COARSE_VIEWS = 8  # of a scene that the search looks at: more cut away more
SEEN = 0.5  # share of the views that must show a place for it to count


class Silhouettes(NamedTuple):
    """Views of one object that tell it from the background.

    Attributes:
        filled: `[v, height, width]`, whether a pixel shows the object.
        camera_to_worlds: `[v, 3, 4]`, OpenGL axes.
        intrinsics: `[v, 4]`: fx, fy, cx, cy in pixels.
    """

    filled: Tensor
    camera_to_worlds: Tensor
    intrinsics: Tensor

    def some(self, count: int) -> "Silhouettes":
        """At most `count` of the views, evenly spread."""
        step = max(1, len(self.filled) // count)
        return Silhouettes(*(part[::step][:count] for part in self))


class Scenes(Protocol):
    """The silhouettes of all scenes of a set, one scene at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, scene: int) -> Silhouettes: ...


def hull_box(scenes: Scenes, order: Iterable[int] | None = None) -> Box | None:
    """The box around the visual hulls of all scenes, in scene coordinates; up to a pixel and a cell of `FINE`.

    A place belongs to a hull where every view that shows it shows the object there. First a coarse search, which
    errs on the large side, in what the cameras see around the origin; then a fine one in what that has left. Only
    places outside the box so far are looked at, so most scenes cost little.

    Args:
        scenes: of the set.
        order: numbers of the scenes, for a progress bar; both searches go through it. None: all.

    Returns:
        None where nothing is in any silhouette.
    """
    numbers = list(range(len(scenes))) if order is None else list(order)
    found = _search(scenes, numbers, _visible(scenes, numbers), COARSE, coarse=True)
    return None if found is None else _search(scenes, numbers, found, FINE, coarse=False)


def _visible(scenes: Scenes, numbers: Sequence[int]) -> Box:
    """The cube around the origin that the widest view of any scene shows."""
    reach = 0.0
    for number in numbers:
        views = scenes[number]
        height, width = views.filled.shape[1:]
        fx, fy, _, _ = views.intrinsics.unbind(-1)
        corner = ((width / fx).square() + (height / fy).square()).sqrt() / 2
        distance = views.camera_to_worlds[:, :, 3].norm(dim=-1)
        reach = max(reach, float((distance * corner.atan().sin()).max()))
    return (-reach, -reach, -reach), (reach, reach, reach)


def _search(scenes: Scenes, numbers: Sequence[int], within: Box, cells: int, coarse: bool) -> Box | None:
    low, high = torch.tensor(within)
    side = (high - low) / cells
    steps = (torch.arange(cells) + 0.5).unsqueeze(1) * side + low
    centres = torch.cartesian_prod(*steps.T)
    index = torch.cartesian_prod(*3 * [torch.arange(cells)])
    first, last = torch.full((3,), cells), torch.full((3,), -1)
    for number in numbers:
        outside = ((index < first) | (index > last)).any(1)
        views = scenes[number].some(COARSE_VIEWS) if coarse else scenes[number]
        kept = index[outside][_in_hull(views, centres[outside], float(side.norm()) / 2 if coarse else 0.0)]
        if len(kept):
            first, last = torch.minimum(first, kept.amin(0)), torch.maximum(last, kept.amax(0))
    if int(last[0]) < 0:
        return None
    spare = 1 if coarse else 0
    ends = (first - spare) * side + low, (last + 1 + spare) * side + low
    (a, b, c), (d, e, f) = (end.tolist() for end in ends)
    return (a, b, c), (d, e, f)


def _in_hull(views: Silhouettes, points: Tensor, radius: float) -> Tensor:
    """Whether balls of `radius` around `points` `[p, 3]` reach into every silhouette that shows them: `[p]`."""
    height, width = views.filled.shape[1:]
    alive = torch.arange(len(points))
    times_seen = torch.zeros(len(points), dtype=torch.int32)
    for filled, pose, intrinsics in zip(*views, strict=True):
        if not len(alive):
            break
        row, column, shown = pixels_showing(points[alive], pose, intrinsics, height, width)
        if radius:
            depth = ((pose[:, 3] - points[alive]) @ pose[:, 2]).clamp(min=NEAREST).median()
            around = int(radius * float(intrinsics[:2].max()) / float(depth)) + 1
            planes = filled[None, None].float()
            filled = functional.max_pool2d(planes, 2 * around + 1, stride=1, padding=around)[0, 0] > 0
        times_seen[alive] += shown.int()
        outside = shown & ~filled[row.clamp(0, height - 1), column.clamp(0, width - 1)]
        alive = alive[~outside]
    hull = torch.zeros(len(points), dtype=torch.bool)
    hull[alive] = times_seen[alive] >= SEEN * len(views.filled)
    return hull
