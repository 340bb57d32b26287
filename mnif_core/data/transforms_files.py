"""Posed views as nerfstudio (`transforms.json`) and NeRF's Blender sets (`transforms_train.json`) write them.

Shape letters: v views.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.picture_files import common_size
from mnif_core.data.srn_files import checked_pose
from mnif_core.errors import DataError

PINHOLE = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE")
DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


def read_transforms(path: Path) -> tuple[list[Path], NDArray[np.float32], NDArray[np.float32]]:
    """Pictures, camera-to-world matrices `[v, 3, 4]` (OpenGL axes) and fx, fy, cx, cy `[v, 4]` in pixels.

    The focal length is `fl_x` (and `fl_y`), of all views or of each frame, or follows from `camera_angle_x`; it refers
    to pictures of `w` by `h` pixels, where these are given. Blender's names of pictures lack their `.png`.

    Raises:
        DataError: not JSON, no frames, a frame without picture or pose, a bad pose, no focal length, lens distortion,
            or pictures of several sizes.
    """
    try:
        content = json.loads(path.read_text())
        frames = list(content["frames"])
        shared = {key: value for key, value in content.items() if key != "frames"}
        views: list[dict[str, Any]] = [shared | dict(frame) for frame in frames]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); restore it or its permissions") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: not a transforms file; write nerfstudio's or Blender's, with 'frames'") from error
    if not views:
        raise DataError(f"{path}: no frames; list each view's file_path and transform_matrix")
    pictures = [_picture(path, number, view) for number, view in enumerate(views)]
    size = common_size(pictures)
    cameras = [_pose(path, number, view) for number, view in enumerate(views)]
    intrinsics = [_intrinsics(path, number, view, size) for number, view in enumerate(views)]
    return pictures, np.stack(cameras).astype(np.float32), np.array(intrinsics, dtype=np.float32)


def _picture(path: Path, number: int, view: dict[str, Any]) -> Path:
    name = view.get("file_path")
    if not isinstance(name, str):
        raise DataError(f"{path}: frame {number} has no file_path; name its picture")
    picture = path.parent / name
    if not picture.is_file() and (named := picture.with_name(picture.name + ".png")).is_file():
        return named
    if not picture.is_file():
        raise DataError(f"{picture}: missing; add it, or remove frame {number} from {path.name}")
    return picture


def _pose(path: Path, number: int, view: dict[str, Any]) -> NDArray[np.float64]:
    where = f"{path}: pose of frame {number}, {view['file_path']}"
    try:
        pose = np.array(view["transform_matrix"], dtype=np.float64)
        pose = np.concatenate([pose, [[0.0, 0.0, 0.0, 1.0]]]) if pose.shape == (3, 4) else pose.reshape(4, 4)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{where}: missing or malformed; write its transform_matrix as 4 rows of 4") from error
    return checked_pose(pose, where)


def _intrinsics(path: Path, number: int, view: dict[str, Any], size: tuple[int, int]) -> list[float]:
    width, height = size
    where = f"{path}: frame {number}"
    model = view.get("camera_model", "PINHOLE")
    if model not in PINHOLE or any(view.get(key, 0.0) != 0.0 for key in DISTORTION):
        raise DataError(f"{where} has a distorting lens ({model}); undistort the pictures, as colmap does")
    try:
        given_width, given_height = float(view.get("w", width)), float(view.get("h", height))
        focal = float(view["fl_x"]) if "fl_x" in view else 0.5 * given_width / math.tan(0.5 * view["camera_angle_x"])
        cx, cy = float(view.get("cx", given_width / 2)), float(view.get("cy", given_height / 2))
        numbers = np.array([focal, float(view.get("fl_y", focal)), cx, cy])
        valid = bool(np.isfinite(numbers).all()) and min(focal, numbers[1], given_width, given_height) > 0
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        valid = False
    if not valid:
        raise DataError(f"{where}: no valid focal length; write fl_x in pixels, or camera_angle_x in radians")
    horizontal, vertical = width / given_width, height / given_height
    return list(numbers * [horizontal, vertical, horizontal, vertical])
