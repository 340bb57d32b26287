"""Scenes on disk in SRN layout (Sitzmann et al. 2019): every instance has `rgb/`, `pose/` and `intrinsics.txt`."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.picture_files import SUFFIXES, common_size
from mnif_core.errors import DataError

SPLITS = ("_train", "_val", "_test")
RIGID_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Instance:
    """One scene: its views and cameras, checked.

    Attributes:
        name: of its folder.
        image_filenames: one per view, sorted.
        camera_to_worlds: `[views, 3, 4]` float32, OpenGL axes.
        fx, fy, cx, cy: in pixels.
        width, height: of every view, in pixels.
    """

    name: str
    image_filenames: list[Path]
    camera_to_worlds: NDArray[np.float32]
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


def is_instance(folder: Path) -> bool:
    """Whether `folder` holds the views of one scene."""
    return (folder / "rgb").is_dir()


def list_instances(data: Path, category: str | None, split: str) -> list[Path]:
    """Instance folders under `data`, sorted by name, without reading any of them.

    Args:
        data: a root that holds `<category>_{train,val,test}`, one such folder, a folder of instances, or an instance.
        category: which one, where a root holds several.
        split: `train`, `val` or `test`; a folder that is no root serves every split.

    Raises:
        DataError: no such folder, several categories and none chosen, or no instance.
    """
    if not data.is_dir():
        raise DataError(f"{data}: no such folder; pass the folder of your scenes by --data")
    if is_instance(data):
        return [data]
    folders = sorted(entry for entry in _entries(data) if entry.is_dir())
    splits = [f for f in folders if f.name.endswith(SPLITS) and not is_instance(f)]
    if splits:
        categories = sorted({f.name.rpartition("_")[0] for f in splits})
        if category is None and len(categories) > 1:
            raise DataError(f"{data}: holds {', '.join(categories)}; choose one by srn --category {categories[0]}")
        data = data / f"{category or categories[0]}_{split}"
        if data not in splits:
            raise DataError(f"{data}: no such folder; pass one of {', '.join(f.name for f in splits)} by --data")
        folders = sorted(entry for entry in _entries(data) if entry.is_dir())
    if not folders:
        raise DataError(f"{data}: empty; put instances here, each with rgb/, pose/ and intrinsics.txt")
    instances = [f for f in folders if is_instance(f)]
    if not instances:
        raise DataError(f"{data}: no instance here (a folder with rgb/); pass a folder in SRN layout by --data")
    return instances


def list_views(instance: Path) -> tuple[list[Path], list[Path]]:
    """Pictures and pose files of an instance, matched by name.

    Raises:
        DataError: no pictures, no poses, two pictures of one name, or one without the other.
    """
    pictures = [p for p in _entries(instance / "rgb") if p.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(f"{instance / 'rgb'}: no pictures; put the views here as .png")
    if not (instance / "pose").is_dir():
        raise DataError(f"{instance}: no pose/ folder; add one camera-to-world file per view, or remove the instance")
    poses = [p for p in _entries(instance / "pose") if p.suffix.lower() == ".txt"]
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


def read_pose(path: Path) -> NDArray[np.float32]:
    """Camera-to-world of one view, 16 numbers in OpenCV axes -> `[3, 4]` in OpenGL axes.

    Raises:
        DataError: not 16 finite numbers, or not a rigid motion.
    """
    numbers = _numbers(path)
    if len(numbers) != 16:
        raise DataError(f"{path}: {len(numbers)} numbers; write the 16 of a camera-to-world matrix")
    return (checked_pose(np.array(numbers).reshape(4, 4), str(path)) * [1.0, -1.0, -1.0, 1.0]).astype(np.float32)


def checked_pose(pose: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """The upper rows `[3, 4]` of a camera-to-world matrix `[4, 4]`.

    Raises:
        DataError: not finite, or not a rigid motion; `where` names it.
    """
    if not np.isfinite(pose).all():
        raise DataError(f"{where}: not finite; write the pose again or remove the view")
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > RIGID_TOLERANCE or np.linalg.det(rotation) < 0 or np.abs(pose[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise DataError(f"{where}: not a rigid motion (off by {error:.2g}); write an orthonormal camera-to-world")
    return pose[:3]


def read_intrinsics(path: Path) -> tuple[float, float, float, int, int]:
    """Focal length, principal point x and y in pixels, height and width that they refer to.

    Raises:
        DataError: missing or malformed.
    """
    try:
        lines = [line.split() for line in path.read_text(errors="replace").splitlines() if line.strip()]
        focal, cx, cy = (float(value) for value in lines[0][:3])
        height, width = (int(float(value)) for value in lines[-1])
        valid = focal > 0 and height > 0 and width > 0 and bool(np.isfinite([focal, cx, cy]).all())
    except (OSError, ValueError, IndexError, OverflowError):
        valid = False
    if not valid:
        raise DataError(
            f"{path}: missing or malformed; write 'focal cx cy 0.' in its first line and 'height width' in its last"
        )
    return focal, cx, cy, height, width


def read_instance(path: Path) -> Instance:
    """Read and check one instance; pixels are not decoded.

    Raises:
        DataError: see `list_views`, `read_pose`, `read_intrinsics`; or views of different sizes.
    """
    pictures, poses = list_views(path)
    width, height = common_size(pictures)
    focal, cx, cy, given_height, given_width = read_intrinsics(path / "intrinsics.txt")
    horizontal, vertical = width / given_width, height / given_height
    return Instance(
        name=path.name,
        image_filenames=pictures,
        camera_to_worlds=np.stack([read_pose(pose) for pose in poses]),
        fx=focal * horizontal,
        fy=focal * vertical,
        cx=cx * horizontal,
        cy=cy * vertical,
        width=width,
        height=height,
    )


def split_views(
    num_views: int, held_out: int, instance: Path | str = "views"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training views and of `held_out` others, evenly spread; both ascending.

    Raises:
        DataError: no training view of `instance` would remain, or the number is negative.
    """
    if not 0 <= held_out < num_views:
        raise DataError(
            f"{instance}: {held_out} of {num_views} views are to be held out; "
            f"pass srn --held-out-views between 0 and {num_views - 1}"
        )
    held = ((np.arange(held_out) + 0.5) * num_views / max(held_out, 1)).astype(np.int64)
    return np.setdiff1d(np.arange(num_views), held), held


def _entries(folder: Path) -> list[Path]:
    try:
        # by stem, so that pictures and poses are in one order; names like ._000.png are what archives of macOS leave
        return sorted((e for e in folder.iterdir() if not e.name.startswith(".")), key=lambda e: (e.stem, e.suffix))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); restore it or its permissions") from error


def _numbers(path: Path) -> list[float]:
    try:
        return [float(value) for value in path.read_text().split()]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); restore it, or remove the view") from error
    except ValueError as error:
        raise DataError(f"{path}: not numbers; write the 16 of a camera-to-world matrix") from error
