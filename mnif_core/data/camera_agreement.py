"""What the cameras of one object agree on, from their poses alone: a centre that all look at, and which way is up.

Cameras are camera-to-world `[v, 3, 4]` in OpenGL axes; intrinsics `[v, 4]` are fx, fy, cx, cy in pixels, and a size is
(width, height) of their pictures. Shape letters: v views.
"""

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_axes import WORLDS, signed_axes

Array = NDArray[np.float64]

MOST = 0.5  # share of the views that makes an agreement
DEGENERATE = 1e-4  # of the cameras' distance to the origin: a centre as near to them is where they stand
LEVEL = 0.03  # mean square of the horizon's slope up to which cameras stand level
UNIQUE = 0.05  # least against second eigenvalue: beyond, no axis is everyone's up
FEWEST = 4  # cameras that can tell another up than z
NEAR_AXIS = 0.95  # cosine from which an up direction is called by an axis


def sees(cameras: Array, intrinsics: Array, size: tuple[int, int], point: Array) -> NDArray[np.bool_]:
    """Which cameras `[v]` have `point` `[3]` in front of them and inside their picture."""
    width, height = size
    x, y, z = np.einsum("vij,vi->vj", cameras[:, :, :3], point - cameras[:, :, 3]).T
    fx, fy, cx, cy = intrinsics.T
    ahead = np.maximum(-z, 1e-6)
    column, row = cx + fx * x / ahead, cy - fy * y / ahead
    return (z < 0) & (column >= 0) & (column <= width) & (row >= 0) & (row <= height)


def agreed_centre(cameras: Array, intrinsics: Array, size: tuple[int, int], share: float = MOST) -> Array | None:
    """The point `[3]` that is nearest to all optical axes.

    None: fewer than two views, parallel ones, or fewer than `share` of them see the point.
    """
    directions, positions = cameras[:, :, 2], cameras[:, :, 3]
    across = np.eye(3) - directions[:, :, None] * directions[:, None]
    total = across.mean(0)
    if np.linalg.eigvalsh(total)[0] < 1e-6:
        return None
    centre = np.linalg.solve(total, (across @ positions[:, :, None]).mean(0)[:, 0])
    if camera_distance(cameras, centre) <= DEGENERATE * camera_distance(cameras, np.zeros(3)):
        return None
    return centre if sees(cameras, intrinsics, size, centre).mean() >= share else None


def camera_distance(cameras: Array, point: Array) -> float:
    """Median distance of the cameras to `point` `[3]`."""
    return float(np.median(np.linalg.norm(cameras[:, :, 3] - point, axis=-1)))


def seen_radius(cameras: Array, intrinsics: Array, size: tuple[int, int], centre: Array) -> float:
    """Radius of the ball around `centre` `[3]` that fills a picture, median over the views."""
    half = np.arctan(0.5 * np.array(size) / intrinsics[:, :2]).min(-1)
    return float(np.median(np.linalg.norm(cameras[:, :, 3] - centre, axis=-1) * np.sin(half)))


def agreed_up(cameras: Array) -> Array | None:
    """The direction `[3]` that is up to all cameras: the one that their right is across to.

    None: they are rolled, or too few to tell. Any number that stand level on z have it for up.
    """
    right, up = cameras[:, :, 0], cameras[:, :, 1]
    vertical = np.array([0.0, 0.0, 1.0])
    if (right[:, 2] ** 2).mean() > LEVEL:
        values, vectors = np.linalg.eigh(right.T @ right / len(right))
        if len(right) < FEWEST or values[0] > UNIQUE * values[1] or values[1] < 1e-3:
            return None
        vertical = vectors[:, 0]
    return vertical * (1.0 if (up @ vertical).mean() >= 0 else -1.0)


def axis_of(direction: Array | None) -> str | None:
    """The name, such as `z` or `-y`, of the axis near to a unit `direction` `[3]`.

    None: it is near to none, or there is no direction.
    """
    if direction is None:
        return None
    likeness = {name: float(signed_axes((name,))[0] @ direction) for name in WORLDS}
    best = max(likeness, key=lambda name: likeness[name])
    return best if likeness[best] >= NEAR_AXIS else None
