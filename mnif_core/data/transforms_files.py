"""Posed views as nerfstudio and instant-ngp (`transforms.json`) and NeRF's Blender sets (`transforms_train.json`) do.

Shape letters: v views.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_axes import Axes
from mnif_core.data.camera_check import WrittenCameras
from mnif_core.data.written_views import WrittenViews, checked_pose, resized
from mnif_core.errors import DataError
from mnif_core.files.named_files import find_named
from mnif_core.files.notes import note
from mnif_core.files.picture_files import SUFFIXES, common_size

NAMES = ("transforms.json", "transforms_train.json")
"""Nerfstudio's and Blender's."""
PINHOLE = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV", "PERSPECTIVE")
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "ftheta_p0", "ftheta_p1")
OTHER_LENSES = (
    "is_fisheye",
    "fisheye",
    "equirectangular",
    "is_equirectangular",
    "latlong",
    "is_latlong",
    "orthographic",
)
BESIDE = (".png", *sorted(SUFFIXES - {".png"}))  # what names without suffix are tried with
LONGEST_SIDE = 1 << 16  # pixels: beyond, a width or height is no picture's

Array = NDArray[np.float64]
View = dict[str, Any]


def transforms_of(folder: Path) -> Path | None:
    """The file of poses in a scene's `folder`, or None."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_frames(path: Path) -> list[View]:
    """Every frame's own values over those of the file, without nulls.

    Raises:
        DataError: not JSON, or no frames.
    """
    try:
        content = json.loads(path.read_bytes())  # bytes, so that a byte order mark tells the encoding
        frames = list(content["frames"])
        shared = {key: value for key, value in content.items() if key != "frames" and value is not None}
        views = [shared | {key: value for key, value in dict(frame).items() if value is not None} for frame in frames]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); restore it or its permissions") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: not a transforms file; write nerfstudio's or Blender's, with 'frames'") from error
    if not views:
        raise DataError(f"{path}: no frames; list each view's file_path and transform_matrix")
    return views


def frame_files(path: Path, views: list[View]) -> tuple[list[Path], list[Path | None]]:
    """Picture and mask of every frame.

    Raises:
        DataError: a frame without a picture, one that is missing, or two frames that end up with the same.
    """
    pictures = [_named(path, number, view, "file_path") for number, view in enumerate(views)]
    masks = [
        _named(path, number, view, "mask_path") if "mask_path" in view else None for number, view in enumerate(views)
    ]
    first: dict[Path, int] = {}
    for number, picture in enumerate(pictures):
        other = first.setdefault(picture.resolve(), number)
        if views[other]["file_path"] != views[number]["file_path"]:
            raise DataError(f"{path}: frames {other} and {number} both lead to {picture}; restore the other picture")
    return pictures, masks


def read_transforms(path: Path) -> WrittenViews:
    """The views of one object.

    The focal length is `fl_x` or `fl_y` in pixels, of all views or of each frame, or follows from `camera_angle_x` or
    `camera_angle_y` in radians, or `x_fov` or `y_fov` in degrees; it refers to pictures of `w` by `h` pixels, where
    these are given. Poses are camera-to-world in OpenGL axes.

    Raises:
        DataError: as `read_frames`, `frame_files`, `checked_pose` and `resized`; no focal length, another lens than a
            pinhole's, or pictures of several sizes.
    """
    views = read_frames(path)
    pictures, masks = frame_files(path, views)
    for number, view in enumerate(views):
        _check_lens(f"{path}: frame {number}", view)
    size = common_size(pictures)
    matrices = np.stack([_pose(path, number, view) for number, view in enumerate(views)])
    intrinsics = np.stack([_intrinsics(f"{path}: frame {number}", view, size) for number, view in enumerate(views)])
    masked = sum(mask is not None for mask in masks)
    if masked:
        note(f"{path}: what the masks of {masked} of {len(views)} views leave out is taken as white background")
    cameras = WrittenCameras(str(path), matrices, Axes("opengl"), intrinsics, size)
    return WrittenViews(path.absolute().parent.name, pictures, masks, cameras)


def _named(path: Path, number: int, view: View, key: str) -> Path:
    name = view.get(key)
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{path}: frame {number} has no {key}; name its picture")
    found = find_named(name, path.parent, BESIDE)
    if found is None:
        remedy = "remove frame" if key == "file_path" else "remove mask_path from frame"
        raise DataError(f"{path.parent / name}: missing; add it, or {remedy} {number} from {path.name}")
    return found


def _pose(path: Path, number: int, view: View) -> Array:
    where = f"{path}: pose of frame {number}, {view['file_path']}"
    try:
        pose = np.array(view["transform_matrix"], dtype=np.float64)
        pose = pose.reshape(3, 4) if pose.size == 12 else pose.reshape(4, 4)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{where}: missing or malformed; write its transform_matrix as 4 rows of 4") from error
    return checked_pose(np.vstack([pose, [0.0, 0.0, 0.0, 1.0]]) if len(pose) == 3 else pose, where)


def _check_lens(where: str, view: View) -> None:
    model = str(view.get("camera_model", "PINHOLE")).upper()
    bent = [key for key in DISTORTION if view.get(key, 0.0) != 0.0]
    bent += [key for key in OTHER_LENSES if view.get(key)]
    parameters = view.get("distortion_params", view.get("distortion"))
    if parameters is not None and np.any(np.atleast_1d(np.array(parameters, dtype=object)) != 0):
        bent.append("distortion_params")
    if model not in PINHOLE or bent:
        what = model if model not in PINHOLE else ", ".join(bent)
        raise DataError(f"{where} has a distorting lens ({what}); undistort the pictures, as colmap does")


def _intrinsics(where: str, view: View, size: tuple[int, int]) -> Array:
    """fx, fy, cx, cy `[4]` of the picture as it is."""
    try:
        given = float(view.get("w", size[0])), float(view.get("h", size[1]))
        horizontal, vertical = _focal(view, "x", given[0]), _focal(view, "y", given[1])
        fx, fy = horizontal or vertical, vertical or horizontal
        numbers = np.array([fx, fy, view.get("cx", given[0] / 2), view.get("cy", given[1] / 2)], dtype=np.float64)
        valid = bool(np.isfinite(numbers).all()) and min(*numbers[:2], *given) > 0 and max(given) <= LONGEST_SIDE
    except (ValueError, TypeError, ZeroDivisionError, OverflowError):
        valid = False
    if not valid:
        raise DataError(f"{where}: no valid focal length; write fl_x in pixels, or camera_angle_x in radians")
    return resized(numbers, given, size, where)


def _focal(view: View, axis: str, extent: float) -> float | None:
    """In pixels of a picture of `extent` pixels along `axis`; None: nothing says it."""
    if f"fl_{axis}" in view:
        return float(view[f"fl_{axis}"])
    angle = view.get(f"camera_angle_{axis}")
    if angle is None and f"{axis}_fov" in view:
        angle = math.radians(float(view[f"{axis}_fov"]))
    if angle is None:
        return None
    if not 0.0 < float(angle) < math.pi:
        raise ValueError("no angle of view")
    return 0.5 * extent / math.tan(0.5 * float(angle))
