"""The intrinsics of SRN's own code and of the sets that people have, with poses of either direction."""

from pathlib import Path

import numpy as np
import pytest

from mnif_core.data.camera_axes import Axes
from mnif_core.data.instances import read_instance
from mnif_core.errors import DataError
from mnif_core.rendering.cameras import CameraReading
from tests.core.data.written_cameras import FOCAL, cameras, write_scene, written

SIX = f"{FOCAL} 8. 8. 0.\n0. 0. 0.\n0.\n1.\n16 16\n"


@pytest.mark.parametrize(
    ("text", "world_to_camera"),
    [
        (f"{FOCAL} 8 8 0.\n0. 0. 0.\n1.\n16 16\n", False),
        (f"{FOCAL} 8 8\n16 16", False),
        (SIX, False),
        (SIX + "0\n", False),
        (SIX + "1\n", True),
        (SIX + "1", True),
        (SIX + "\n", False),
        (SIX.replace("\n", "\r\n") + "1\r\n", True),
        ("\ufeff" + SIX + "0\n", False),
        (SIX.replace("16 16", "16. 16."), False),
        (f"{4 * FOCAL} 32. 32. 0.\n0. 0. 0.\n0.\n1.\n64 64\n1\n", True),
    ],
)
def test_lines_are_read_as_srn_writes_them(tmp_path: Path, text: str, world_to_camera: bool) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), Axes("opencv", world_to_camera)), text)
    found = read_instance(folder)
    np.testing.assert_allclose(found.intrinsics, [[FOCAL, FOCAL, 8, 8]] * len(found.intrinsics), rtol=1e-6)
    np.testing.assert_allclose(found.camera_to_worlds, cameras()[:, :3], atol=1e-6)


def test_axes_that_are_named_count_more_than_the_flag(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), Axes("opengl")), SIX + "1\n")
    with pytest.raises(DataError, match="--axes opengl "):
        read_instance(folder)
    found = read_instance(folder, CameraReading("opengl"))
    np.testing.assert_allclose(found.camera_to_worlds, cameras()[:, :3], atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        SIX + "2\n",
        SIX + "yes\n",
        SIX + "0\n0\n",
        SIX.replace("16 16", "16"),
        SIX.replace("16 16", "16 16 3"),
        SIX.replace("16 16", "16 -16"),
        SIX.replace(str(FOCAL), "nan"),
        SIX.replace("16 16", "1e400 16"),
        f"{FOCAL} 8\n16 16\n",
        "16 16\n",
    ],
)
def test_other_lines_are_refused(tmp_path: Path, text: str) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), Axes("opencv")), text)
    with pytest.raises(DataError, match=r"intrinsics\.txt: missing or malformed; write 'focal cx cy 0\.'.*six lines"):
        read_instance(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SIX.replace("16 16", "16 32").replace("8. 8.", "16. 8."), "intrinsics of 32 x 16 pixels, pictures of 16 x 16"),
        (SIX.replace("8. 8.", "64. 64."), r"the principal point \(64, 64\) is outside a picture of 16 x 16"),
    ],
)
def test_intrinsics_of_other_pictures_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), Axes("opencv")), text)
    with pytest.raises(DataError, match=message):
        read_instance(folder)
