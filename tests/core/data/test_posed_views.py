"""One object in three formats is one set of posed views; what is wrong with any of them is one line."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnif_core.data.posed_views import read_posed_views
from mnif_core.errors import DataError
from tests.srn_fixture import write_srn

SIZE, VIEWS = 16, 4
FOCAL = 1.025 * SIZE


@pytest.fixture
def srn(tmp_path: Path) -> Path:
    return write_srn(tmp_path / "srn", scenes=1, views=VIEWS, size=SIZE) / "cars_train" / "scene_0"


def frames(srn: Path, folder: Path, suffix: str, named: bool) -> list[dict[str, Any]]:
    """Copy the views into `folder / "images"` with white made transparent, and describe them in OpenGL axes."""
    (folder / "images").mkdir(parents=True)
    described = []
    for view in range(VIEWS):
        pixels = np.asarray(Image.open(srn / f"rgb/{view:06d}.png"))
        alpha = np.where((pixels == 255).all(-1), 0, 255).astype(np.uint8)
        hidden = np.where(alpha[..., None] == 0, 7, pixels).astype(np.uint8)
        Image.fromarray(np.dstack([hidden, alpha])).save(folder / f"images/{view}{suffix}")
        pose = np.loadtxt(srn / f"pose/{view:06d}.txt").reshape(4, 4) @ np.diag([1.0, -1.0, -1.0, 1.0])
        described.append(
            {"file_path": f"images/{view}{suffix if named else ''}", "transform_matrix": np.round(pose, 9).tolist()}
        )
    return described


def write_nerfstudio(srn: Path, folder: Path, **shared: Any) -> Path:
    content = {
        "camera_model": "OPENCV",
        "fl_x": FOCAL,
        "fl_y": FOCAL,
        "cx": 8,
        "cy": 8,
        "w": SIZE,
        "h": SIZE,
        "k1": 0.0,
    }
    content |= shared | {"frames": frames(srn, folder, ".png", named=True)}
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder


def write_blender(srn: Path, folder: Path) -> Path:
    content = {
        "camera_angle_x": 2 * math.atan(0.5 * SIZE / FOCAL),
        "frames": frames(srn, folder, ".png", named=False),
    }
    (folder / "transforms_train.json").write_text(json.dumps(content))
    return folder


def test_three_formats_are_the_same_views(srn: Path, tmp_path: Path) -> None:
    first = read_posed_views(srn)
    assert first.name == "scene_0" and len(first) == VIEWS
    assert first.pictures.shape == (VIEWS, SIZE, SIZE, 3)
    assert abs(first.distance - 1.3) < 1e-5 and first.beside_the_origin() == []
    for folder in (write_nerfstudio(srn, tmp_path / "ns"), write_blender(srn, tmp_path / "blender")):
        for path in (folder, next(folder.glob("*.json"))):
            other = read_posed_views(path)
            assert other.name == folder.name
            np.testing.assert_array_equal(other.pictures, first.pictures)
            np.testing.assert_allclose(other.camera_to_worlds, first.camera_to_worlds, atol=1e-6)
            np.testing.assert_allclose(other.intrinsics, first.intrinsics, rtol=1e-5)


def test_intrinsics_follow_the_pictures_and_frames_override(srn: Path, tmp_path: Path) -> None:
    folder = write_nerfstudio(srn, tmp_path / "ns", w=2 * SIZE, h=2 * SIZE, cx=14, cy=18)
    content = json.loads((folder / "transforms.json").read_text())
    content["frames"][1]["fl_x"] = 99.0
    (folder / "transforms.json").write_text(json.dumps(content))
    intrinsics = read_posed_views(folder).intrinsics
    np.testing.assert_allclose(intrinsics[0], [FOCAL / 2, FOCAL / 2, 7, 9], rtol=1e-6)
    np.testing.assert_allclose(intrinsics[1], [49.5, FOCAL / 2, 7, 9], rtol=1e-6)


def test_scaling_moves_cameras_only(srn: Path) -> None:
    views = read_posed_views(srn)
    twice = views.scaled(2.0)
    assert abs(twice.distance - 2.6) < 1e-5
    np.testing.assert_array_equal(twice.camera_to_worlds[:, :, :3], views.camera_to_worlds[:, :, :3])


def test_objects_elsewhere_are_noticed(srn: Path) -> None:
    for view, shift in ((1, [0.0, 0.0, 5.0]), (3, [3.0, 0.0, 0.0])):
        pose = np.loadtxt(srn / f"pose/{view:06d}.txt").reshape(4, 4)
        pose[:3, 3] += shift
        np.savetxt(srn / f"pose/{view:06d}.txt", pose.reshape(1, 16))
    assert read_posed_views(srn).beside_the_origin() == [1, 3]


def edited(folder: Path, edit: Any) -> Path:
    content = json.loads((folder / "transforms.json").read_text())
    edit(content)
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.pop("frames"), r"transforms\.json: not a transforms file"),
        (lambda c: c.update(frames=[]), "no frames"),
        (lambda c: c.update(frames="all"), "not a transforms file"),
        (lambda c: c["frames"][2].pop("transform_matrix"), "pose of frame 2.*missing or malformed"),
        (lambda c: c["frames"][2].update(transform_matrix=[[1, 2]]), "pose of frame 2.*missing or malformed"),
        (lambda c: c["frames"][1]["transform_matrix"][0].__setitem__(3, float("nan")), "pose of frame 1.*not finite"),
        (lambda c: c["frames"][1]["transform_matrix"][0].__setitem__(0, 3.0), "frame 1.*not a rigid motion"),
        (lambda c: c["frames"][0].pop("file_path"), "frame 0 has no file_path"),
        (lambda c: c["frames"][3].update(file_path="images/9.png"), r"images/9\.png: missing.*frame 3"),
        (lambda c: (c.pop("fl_x"), c.pop("fl_y")), "no valid focal length"),
        (lambda c: c.update(fl_x="wide"), "no valid focal length"),
        (lambda c: c.update(k1=0.1), "distorting lens"),
        (lambda c: c.update(camera_model="OPENCV_FISHEYE"), "distorting lens"),
    ],
)
def test_bad_transforms_are_one_line(srn: Path, tmp_path: Path, edit: Any, message: str) -> None:
    folder = edited(write_nerfstudio(srn, tmp_path / "ns"), edit)
    with pytest.raises(DataError, match=message) as caught:
        read_posed_views(folder)
    assert "\n" not in str(caught.value)


def test_bad_folders_are_one_line(srn: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_posed_views(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"no poses here.*transforms\.json"):
        read_posed_views(srn / "rgb")
    with pytest.raises(DataError, match="no poses here"):
        read_posed_views(srn / "rgb/000000.png")
    folder = write_nerfstudio(srn, tmp_path / "ns")
    Image.new("RGB", (8, 8)).save(folder / "images/2.png")
    with pytest.raises(DataError, match=r"2\.png: 8 x 8 pixels among views of 16 x 16"):
        read_posed_views(folder)
    (folder / "images/2.png").write_bytes(b"\x89PNG nonsense")
    with pytest.raises(DataError, match=r"2\.png: not a readable picture"):
        read_posed_views(folder)
    (folder / "transforms.json").write_text("{")
    with pytest.raises(DataError, match="not a transforms file"):
        read_posed_views(folder)
