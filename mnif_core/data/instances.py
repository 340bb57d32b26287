"""One scene from disk, whatever its format, with cameras that are checked and in one kind of axes.

Shape letters: v views.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_agreement import agreed_up, axis_of, camera_distance
from mnif_core.data.masked_pictures import decode_view
from mnif_core.data.srn_files import read_srn
from mnif_core.data.transforms_files import frame_files, read_frames, read_transforms, transforms_of
from mnif_core.errors import DataError
from mnif_core.rendering.cameras import CameraReading

DISTANCES = (0.5, 2.0)  # of a scene's cameras, in the set's or the run's own: beyond, its size must be wrong
AS_WRITTEN = CameraReading()


@dataclass(frozen=True)
class Instance:
    """One scene: its views and cameras, checked.

    Attributes:
        name: of its folder.
        image_filenames: one per view, sorted.
        mask_filenames: one per view; none where all pixels count.
        camera_to_worlds: `[v, 3, 4]` float32, OpenGL axes (x right, y up, looking along -z).
        intrinsics: `[v, 4]` float32: fx, fy, cx, cy in pixels.
        width, height: of every view, in pixels.
    """

    name: str
    image_filenames: list[Path]
    mask_filenames: list[Path | None]
    camera_to_worlds: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    width: int
    height: int

    def decode(self, view: int) -> NDArray[np.uint8]:
        """Pixels `[height, width, 3]` of a view, transparency and what its mask leaves out over white.

        Raises:
            DataError: as `decode_view`.
        """
        return decode_view(self.image_filenames[view], self.mask_filenames[view])

    @property
    def distance(self) -> float:
        """Median distance of the cameras to the origin."""
        return camera_distance(self.camera_to_worlds.astype(np.float64), np.zeros(3))


def read_instance(path: Path, reading: CameraReading = AS_WRITTEN) -> Instance:
    """Read and check one scene; pixels are not decoded.

    Args:
        path: a folder in SRN layout, a folder with `transforms.json` or `transforms_train.json`, or such a file.
        reading: how its cameras are meant.

    Raises:
        ConfigError: unknown axes.
        DataError: none of these, or as `read_srn`, `read_transforms` and `WrittenCameras.read`.
    """
    transforms = path if path.is_file() else transforms_of(path)
    if (path / "rgb").is_dir():
        views = read_srn(path)
    elif transforms is not None and transforms.suffix.lower() == ".json":
        views = read_transforms(transforms)
    else:
        raise DataError(
            f"{path}: no poses here; pass a folder with rgb/ and pose/ (SRN), with transforms.json (nerfstudio) "
            "or with transforms_train.json (Blender)"
        )
    cameras = views.cameras
    return Instance(
        name=views.name,
        image_filenames=views.pictures,
        mask_filenames=views.masks,
        camera_to_worlds=cameras.read(reading).astype(np.float32),
        intrinsics=cameras.intrinsics.astype(np.float32),
        width=cameras.size[0],
        height=cameras.size[1],
    )


def named_files(folder: Path) -> list[Path]:
    """Pictures and masks that a scene's file of transforms names, wherever they lie; none in SRN layout.

    Raises:
        DataError: as `read_frames` and `frame_files`.
    """
    transforms = transforms_of(folder)
    if transforms is None or (folder / "rgb").is_dir():
        return []
    pictures, masks = frame_files(transforms, read_frames(transforms))
    return pictures + [mask for mask in masks if mask is not None]


def check_alike(instances: Sequence[Instance], paths: Sequence[Path]) -> None:
    """Scenes of one set have cameras at about one distance, and one up axis.

    Raises:
        DataError: one of them has not; it is named.
    """
    distances = np.array([instance.distance for instance in instances])
    usual = float(np.median(distances))
    odd = np.flatnonzero((distances < DISTANCES[0] * usual) | (distances > DISTANCES[1] * usual))
    if len(odd):
        raise DataError(
            f"{paths[odd[0]]}: cameras stand {distances[odd[0]]:.3g} from the origin, those of most scenes "
            f"{usual:.3g}; bring all objects to one size, or pass --normalise (ns-train: srn --normalise True)"
        )
    ups = [axis_of(agreed_up(instance.camera_to_worlds.astype(np.float64))) for instance in instances]
    known = Counter(up for up in ups if up is not None)
    if len(known) > 1:
        common = known.most_common(1)[0][0]
        other = next(index for index, up in enumerate(ups) if up not in (common, None))
        raise DataError(
            f"{paths[other]}: up is {ups[other]}, in {known[common]} of {len(ups)} scenes it is {common}; "
            "turn its poses, or remove the scene"
        )
