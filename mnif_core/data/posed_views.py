"""Views of one object with their cameras, whatever format they lie in.

SRN layout (`rgb/`, `pose/`, `intrinsics.txt`), nerfstudio's `transforms.json`, or the Blender sets of NeRF
(`transforms_train.json`). Shape letters: v views.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.picture_files import decode
from mnif_core.data.srn_files import is_instance, read_instance
from mnif_core.data.transforms_files import read_transforms
from mnif_core.errors import DataError

TRANSFORMS = ("transforms.json", "transforms_train.json")  # nerfstudio's, Blender's


@dataclass(frozen=True)
class PosedViews:
    """Views of one object, in the world of its cameras.

    Attributes:
        name: of the object.
        pictures: `[v, height, width, 3]` uint8, transparency laid over white.
        camera_to_worlds: `[v, 3, 4]` float32, OpenGL axes (x right, y up, looking along -z).
        intrinsics: `[v, 4]` float32: fx, fy, cx, cy in pixels.
    """

    name: str
    pictures: NDArray[np.uint8]
    camera_to_worlds: NDArray[np.float32]
    intrinsics: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def distance(self) -> float:
        """Median distance of the cameras to the origin."""
        return float(np.median(np.linalg.norm(self.camera_to_worlds[:, :, 3], axis=-1)))

    def scaled(self, factor: float) -> "PosedViews":
        """The same views in a world `factor` times as large."""
        cameras = self.camera_to_worlds.copy()
        cameras[:, :, 3] *= factor
        return replace(self, camera_to_worlds=cameras)

    def beside_the_origin(self) -> list[int]:
        """Views in which the origin, where the object is expected, lies behind the camera or outside the picture."""
        height, width = self.pictures.shape[1:3]
        # the origin in each camera's axes
        x, y, z = np.einsum("vij,vi->vj", self.camera_to_worlds[:, :, :3], -self.camera_to_worlds[:, :, 3]).T
        fx, fy, cx, cy = self.intrinsics.T
        ahead = np.maximum(-z, 1e-6)
        column, row = cx + fx * x / ahead, cy - fy * y / ahead
        seen = (z < 0) & (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
        return np.flatnonzero(~seen).tolist()


def read_posed_views(path: Path) -> PosedViews:
    """Read the views of one object and check them.

    Args:
        path: a folder in SRN layout, a folder with `transforms.json` or `transforms_train.json`, or such a file.

    Raises:
        DataError: none of these, or as `read_instance`, `read_transforms` and `decode`.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder; pass the views of one object by --images")
    if is_instance(path):
        found = read_instance(path)
        intrinsics = np.array([[found.fx, found.fy, found.cx, found.cy]], dtype=np.float32)
        intrinsics = intrinsics.repeat(len(found.image_filenames), axis=0)
        return _decoded(found.name, found.image_filenames, found.camera_to_worlds, intrinsics)
    files = [path] if path.is_file() else [path / name for name in TRANSFORMS if (path / name).is_file()]
    if not files or files[0].suffix.lower() != ".json":
        raise DataError(
            f"{path}: no poses here; pass a folder with rgb/ and pose/ (SRN), with transforms.json (nerfstudio) "
            "or with transforms_train.json (Blender)"
        )
    pictures, cameras, intrinsics = read_transforms(files[0])
    return _decoded(files[0].absolute().parent.name, pictures, cameras, intrinsics)


def _decoded(
    name: str, pictures: Sequence[Path], cameras: NDArray[np.float32], intrinsics: NDArray[np.float32]
) -> PosedViews:
    return PosedViews(name, np.stack([decode(path) for path in pictures]), cameras, intrinsics)
