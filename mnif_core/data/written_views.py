"""Views of one scene as its files have them, whatever their format, before cameras are brought into one kind of axes.

Shape letters: v views.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_check import WrittenCameras
from mnif_core.errors import DataError

Array = NDArray[np.float64]

RIGID_TOLERANCE = 1e-3  # of the entries of R^T R, against the identity's
SHAPE_TOLERANCE = 0.02  # relative: between the shape of pictures and that which intrinsics were written for


@dataclass(frozen=True)
class WrittenViews:
    """One scene's files.

    Attributes:
        name: of the scene.
        pictures: of every view.
        masks: of every view; none where all pixels count.
        cameras: theirs.
    """

    name: str
    pictures: list[Path]
    masks: list[Path | None]
    cameras: WrittenCameras


def checked_pose(pose: Array, where: str) -> Array:
    """A rigid matrix `[4, 4]`.

    Raises:
        DataError: not finite, or not a rigid motion; `where` names it.
    """
    if not np.isfinite(pose).all():
        raise DataError(f"{where}: not finite; write the pose again or remove the view")
    if not _is_rigid(pose):
        rotation = pose[:3, :3]
        size = np.cbrt(max(np.linalg.det(rotation), 0.0))
        scaled = np.block([[rotation / size, pose[:3, 3:]], [pose[3:]]]) if size > 0 else pose
        if _is_rigid(pose.T):
            advice = "it is transposed; write the position in the last column"
        elif _is_rigid(scaled):
            advice = f"it scales by {size:.4g}; write it without"
        else:
            error = np.abs(rotation @ rotation.T - np.eye(3)).max()
            mirror = ", a mirror" if error <= RIGID_TOLERANCE and np.linalg.det(rotation) < 0 else ""
            advice = f"off by {error:.2g}{mirror}; write an orthonormal camera matrix"
        raise DataError(f"{where}: not a rigid motion: {advice}")
    return pose


def resized(numbers: Array, given: tuple[float, float], size: tuple[int, int], where: str) -> Array:
    """Intrinsics fx, fy, cx, cy `[4]` of pictures of `given` (width, height), for pictures of `size`.

    Raises:
        DataError: the two are of different shape, or the principal point is outside the picture.
    """
    horizontal, vertical = size[0] / given[0], size[1] / given[1]
    if abs(horizontal / vertical - 1.0) > SHAPE_TOLERANCE:
        raise DataError(
            f"{where}: intrinsics of {given[0]:g} x {given[1]:g} pixels, pictures of {size[0]} x {size[1]}, which are "
            "of another shape; write the intrinsics of these pictures"
        )
    if not (0 <= numbers[2] <= given[0] and 0 <= numbers[3] <= given[1]):
        raise DataError(
            f"{where}: the principal point ({numbers[2]:g}, {numbers[3]:g}) is outside a picture of {given[0]:g} x "
            f"{given[1]:g} pixels; write the size that the intrinsics are of"
        )
    return numbers * [horizontal, vertical, horizontal, vertical]


def _is_rigid(pose: Array) -> bool:
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    return bool(
        error <= RIGID_TOLERANCE and np.linalg.det(rotation) > 0 and np.abs(pose[3] - [0, 0, 0, 1]).max() <= 1e-6
    )
