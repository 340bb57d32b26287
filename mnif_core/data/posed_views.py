"""Views of one object with their cameras, whatever format they lie in.

SRN layout (`rgb/`, `pose/`, `intrinsics.txt`), nerfstudio's `transforms.json`, or the Blender sets of NeRF
(`transforms_train.json`). Shape letters: v views.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_agreement import sees
from mnif_core.data.instances import AS_WRITTEN, read_instance
from mnif_core.errors import DataError
from mnif_core.rendering.cameras import CameraReading


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
        seen = sees(
            self.camera_to_worlds.astype(np.float64), self.intrinsics.astype(np.float64), (width, height), np.zeros(3)
        )
        return np.flatnonzero(~seen).tolist()


def read_posed_views(path: Path, reading: CameraReading = AS_WRITTEN) -> PosedViews:
    """Read the views of one object and check them.

    Args:
        path: as `read_instance` takes it.
        reading: how its cameras are meant.

    Raises:
        DataError: no such folder, or as `read_instance` and `decode_view`.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder; pass the views of one object by --images")
    found = read_instance(path, reading)
    pictures = np.stack([found.decode(view) for view in range(len(found.image_filenames))])
    return PosedViews(found.name, pictures, found.camera_to_worlds, found.intrinsics)
