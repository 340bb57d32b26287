"""Scenes in SRN layout: `<instance>/{rgb/*.png, pose/*.txt, intrinsics.txt}`, found, read and checked.

Light on purpose: nerfstudio imports dataparsers while it is still importing itself.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mnif_core.errors import DataError

IMAGES = {".png", ".jpg", ".jpeg"}
SPLITS = ("train", "val", "test")
HALF_EXTENT = 0.6  # the box of an SRN object has unit diagonal
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
    folders = sorted(entry for entry in data.iterdir() if entry.is_dir())
    splits = [f for f in folders if f.name.rpartition("_")[2] in SPLITS and "_" in f.name and not is_instance(f)]
    if splits or category is not None:
        categories = sorted({f.name.rpartition("_")[0] for f in splits})
        if category is None and len(categories) > 1:
            raise DataError(f"{data}: holds {', '.join(categories)}; choose one by --category")
        chosen = data / f"{category or categories[0]}_{split}"
        if not chosen.is_dir():
            raise DataError(f"{chosen}: no such folder; make it, or choose one of {', '.join(f.name for f in splits)}")
        data, folders = chosen, sorted(entry for entry in chosen.iterdir() if entry.is_dir())
    hidden = [f for f in folders if not f.name.startswith(".")]
    if not hidden:
        raise DataError(f"{data}: empty; put instances here, each with rgb/, pose/ and intrinsics.txt")
    instances = [f for f in hidden if is_instance(f)]
    if not instances:
        raise DataError(f"{data}: no instance here (a folder with rgb/); pass a folder in SRN layout")
    return instances


def list_views(instance: Path) -> tuple[list[Path], list[Path]]:
    """Pictures and pose files of an instance, matched by name.

    Raises:
        DataError: no pictures, no poses, or one without the other.
    """
    pictures = sorted(p for p in (instance / "rgb").iterdir() if p.suffix.lower() in IMAGES)
    if not pictures:
        raise DataError(f"{instance / 'rgb'}: no pictures; put the views here as .png")
    if not (instance / "pose").is_dir():
        raise DataError(f"{instance}: no pose/ folder; add one camera-to-world file per view, or remove the instance")
    poses = sorted((instance / "pose").glob("*.txt"))
    missing = sorted({p.stem for p in pictures} - {p.stem for p in poses})
    if missing:
        raise DataError(f"{instance / 'pose' / missing[0]}.txt: missing; add it, or remove rgb/{missing[0]}.png")
    extra = sorted({p.stem for p in poses} - {p.stem for p in pictures})
    if extra:
        raise DataError(
            f"{instance}: {len(poses)} poses but {len(pictures)} views; add rgb/{extra[0]}.png or remove "
            f"pose/{extra[0]}.txt"
        )
    return pictures, poses


def read_pose(path: Path) -> NDArray[np.float32]:
    """Camera-to-world of one view, 16 numbers in OpenCV axes -> `[3, 4]` in OpenGL axes.

    Raises:
        DataError: not 16 finite numbers, or not a rigid motion.
    """
    numbers = _numbers(path)
    if len(numbers) != 16:
        raise DataError(f"{path}: {len(numbers)} numbers; write the 16 of a camera-to-world matrix")
    pose = np.array(numbers).reshape(4, 4)
    if not np.isfinite(pose).all():
        raise DataError(f"{path}: not finite; write the pose again or remove the view")
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > RIGID_TOLERANCE or np.linalg.det(rotation) < 0 or np.abs(pose[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise DataError(
            f"{path}: not a rigid motion (rotation off by {error:.2g}); write an orthonormal camera-to-world"
        )
    return (pose[:3] * [1.0, -1.0, -1.0, 1.0]).astype(np.float32)


def read_intrinsics(path: Path) -> tuple[float, float, float, int, int]:
    """Focal length, principal point x and y in pixels, height and width that they refer to.

    Raises:
        DataError: missing or malformed.
    """
    if not path.exists():
        raise DataError(f"{path}: missing; write 'focal cx cy 0.' in its first line and 'height width' in its last")
    lines = [line.split() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    try:
        focal, cx, cy = (float(value) for value in lines[0][:3])
        height, width = (int(float(value)) for value in lines[-1])
        valid = focal > 0 and height > 0 and width > 0 and bool(np.isfinite([focal, cx, cy]).all())
    except (ValueError, IndexError, OverflowError):
        valid = False
    if not valid:
        raise DataError(f"{path}: malformed; write 'focal cx cy 0.' in its first line and 'height width' in its last")
    return focal, cx, cy, height, width


def image_size(path: Path) -> tuple[int, int]:
    """Width and height from the header.

    Raises:
        DataError: not a picture.
    """
    try:
        with Image.open(path) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(f"{path}: not a readable picture; restore the file or remove the view and its pose") from error


def read_instance(path: Path) -> Instance:
    """Read and check one instance; pixels are not decoded.

    Raises:
        DataError: see `list_views`, `read_pose`, `read_intrinsics`; or views of different sizes.
    """
    pictures, poses = list_views(path)
    width, height = image_size(pictures[0])
    for picture in pictures[1:]:
        size = image_size(picture)
        if size != (width, height):
            raise DataError(
                f"{picture}: {size[0]} x {size[1]} pixels among views of {width} x {height}; bring all to one size"
            )
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


def split_views(num_views: int, held_out: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training and held-out views, the latter evenly spread; at least one of each kind where there are two.

    Raises:
        DataError: no training view would remain.
    """
    if held_out >= num_views:
        raise DataError(f"{held_out} of {num_views} views are to be held out; lower --held-out-views below {num_views}")
    held = np.unique(((np.arange(held_out) + 0.5) * num_views / max(held_out, 1)).astype(np.int64))
    return np.setdiff1d(np.arange(num_views), held), held


@dataclass
class SrnDataParserConfig(DataParserConfig):
    """Scenes in SRN layout (`rgb/`, `pose/`, `intrinsics.txt` in each instance)."""

    _target: type[Any] = field(default_factory=lambda: SrnDataParser)
    data: Path = Path()
    """Root with <category>_{train,val,test}, one such folder, a folder of instances, or one instance."""
    category: str | None = None
    """Which category, where the root holds several (cars, chairs, ...)."""
    instance: str | None = None
    """Which instance a single-scene method trains on, where the folder holds several."""
    held_out_views: int = 3
    """Views of every instance kept from training, evenly spread, for evaluation."""


class SrnDataParser(DataParser):
    """One instance for a single-scene method; many by `list_instances` and `outputs_of`."""

    config: SrnDataParserConfig

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> DataparserOutputs:
        instances = list_instances(self.config.data, self.config.category, "train")
        if self.config.instance is not None:
            named = [path for path in instances if path.name == self.config.instance]
            if not named:
                raise DataError(f"{self.config.data}: no instance '{self.config.instance}'; look for its folder's name")
            instances = named
        if len(instances) > 1:
            raise DataError(
                f"{self.config.data}: holds {len(instances)} instances and this method trains on one; "
                f"pass --instance {instances[0].name}, or train all with mnif"
            )
        return self.outputs_of(read_instance(instances[0]), "train" if split == "train" else "val")

    def outputs_of(self, instance: Instance, split: Literal["train", "val"]) -> DataparserOutputs:
        """Cameras and pictures of an instance's training (`train`) or held-out (`val`) views."""
        training, held_out = split_views(len(instance.image_filenames), self.config.held_out_views)
        chosen = training if split == "train" else held_out
        cameras = Cameras(
            camera_to_worlds=torch.from_numpy(instance.camera_to_worlds[chosen]),
            fx=instance.fx,
            fy=instance.fy,
            cx=instance.cx,
            cy=instance.cy,
            width=instance.width,
            height=instance.height,
            camera_type=CameraType.PERSPECTIVE,
        )
        corner = torch.full((3,), HALF_EXTENT)
        return DataparserOutputs(
            image_filenames=[instance.image_filenames[i] for i in chosen],
            cameras=cameras,
            scene_box=SceneBox(aabb=torch.stack([-corner, corner])),
            dataparser_transform=torch.eye(4)[:3],
            dataparser_scale=1.0,
            metadata={},
        )


def _numbers(path: Path) -> list[float]:
    try:
        return [float(value) for value in path.read_text().split()]
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not numbers; write the 16 of a camera-to-world matrix") from error


SrnDataParserSpecification = DataParserSpecification(
    config=SrnDataParserConfig(), description="Scenes in SRN layout (rgb/, pose/, intrinsics.txt per instance)."
)
