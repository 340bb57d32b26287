"""Scenes on disk in SRN layout (Sitzmann et al. 2019): every instance has `rgb/`, `pose/` and `intrinsics.txt`."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_axes import Axes
from mnif_core.data.camera_check import WrittenCameras
from mnif_core.data.scene_folders import entries
from mnif_core.data.written_views import WrittenViews, checked_pose, resized
from mnif_core.errors import DataError
from mnif_core.files.picture_files import SUFFIXES, common_size


def list_views(instance: Path) -> tuple[list[Path], list[Path]]:
    """Pictures and pose files of an instance, matched by name.

    Raises:
        DataError: no pictures, no poses, two pictures of one name, or one without the other.
    """
    pictures = [p for p in entries(instance / "rgb") if p.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(f"{instance / 'rgb'}: no pictures; put the views here as .png")
    if not (instance / "pose").is_dir():
        raise DataError(f"{instance}: no pose/ folder; add one camera-to-world file per view, or remove the instance")
    poses = [p for p in entries(instance / "pose") if p.suffix.lower() == ".txt"]
    missing = sorted({p.stem for p in pictures} - {p.stem for p in poses})
    if missing:
        raise DataError(f"{instance / 'pose' / missing[0]}.txt: missing; add it, or remove rgb/{missing[0]}.png")
    extra = sorted({p.stem for p in poses} - {p.stem for p in pictures})
    if extra:
        raise DataError(f"{instance / 'rgb' / extra[0]}.png: missing; add it, or remove pose/{extra[0]}.txt")
    for one, other in pairwise(pictures):
        if one.stem == other.stem:
            raise DataError(f"{other}: {one.name} is the same view; remove one of them")
    return pictures, poses


def read_pose(path: Path) -> NDArray[np.float64]:
    """The rigid matrix `[4, 4]` of one view's file.

    Raises:
        DataError: not 16 finite numbers, or not a rigid motion.
    """
    try:
        numbers = [float(value) for value in path.read_text(encoding="utf-8-sig").split()]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); restore it, or remove the view") from error
    except ValueError as error:
        raise DataError(f"{path}: not numbers; write the 16 of a camera-to-world matrix") from error
    if len(numbers) != 16:
        raise DataError(f"{path}: {len(numbers)} numbers; write the 16 of a camera-to-world matrix")
    return checked_pose(np.array(numbers).reshape(4, 4), str(path))


def read_intrinsics(path: Path) -> tuple[NDArray[np.float64], tuple[float, float], bool]:
    """fx, fy, cx, cy `[4]` in pixels, the (width, height) that they refer to, and whether poses are world-to-camera.

    The first line holds the focal length and the principal point. Behind it SRN's own files have the grid's barycentre,
    the near plane and the scale, which other sets leave out in part and nothing here needs; then height and width, and
    as a last line, where there is one, the flag.

    Raises:
        DataError: missing or malformed.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        flag = lines.pop() if len(lines) > 2 and len(lines[-1]) == 1 else ["0"]
        focal, cx, cy = (float(value) for value in lines[0][:3])
        height, width = (float(int(float(value))) for value in lines[1:][-1])
        valid = focal > 0 and height > 0 and width > 0 and bool(np.isfinite([focal, cx, cy]).all())
        valid = valid and float(flag[0]) in (0.0, 1.0)
    except (OSError, ValueError, IndexError, OverflowError):
        valid = False
    if not valid:
        raise DataError(
            f"{path}: missing or malformed; write 'focal cx cy 0.' in its first line and 'height width' in its last, "
            "or SRN's own six lines, whose last is 0 or 1 for world-to-camera poses"
        )
    return np.array([focal, focal, cx, cy]), (width, height), float(flag[0]) == 1.0


def read_srn(folder: Path) -> WrittenViews:
    """The views of one instance; pixels are not decoded.

    Raises:
        DataError: see `list_views`, `read_pose`, `read_intrinsics` and `resized`; or views of different sizes.
    """
    pictures, poses = list_views(folder)
    size = common_size(pictures)
    path = folder / "intrinsics.txt"
    numbers, given, world_to_camera = read_intrinsics(path)
    intrinsics = np.tile(resized(numbers, given, size, str(path)), (len(pictures), 1))
    matrices = np.stack([read_pose(pose) for pose in poses])
    cameras = WrittenCameras(str(folder), matrices, Axes("opencv", world_to_camera), intrinsics, size)
    return WrittenViews(folder.name, pictures, [None] * len(pictures), cameras)
