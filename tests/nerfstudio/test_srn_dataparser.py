"""SRN layout: which folders are accepted, what is read from them, and what is said of those that are not right."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import CameraType
from nerfstudio.data.datasets.base_dataset import InputDataset
from PIL import Image

from mnif_core.data.instances import read_instance
from mnif_core.data.scene_folders import list_instances, split_views
from mnif_core.errors import DataError
from mnif_nerfstudio.srn_dataparser import SrnDataParserConfig, SrnDataParserSpecification
from tests.srn_fixture import DISTANCE, look_at_origin, write_srn

POSE = " ".join(str(number) for number in look_at_origin(0.4, 0.3).flatten())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_srn(tmp_path / "data")


@pytest.fixture
def instance(root: Path) -> Path:
    return root / "cars_train" / "scene_0"


def assert_error(action: Callable[[], object], path: Path, *words: str) -> None:
    """`action` raises a DataError of one line: the path, what is wrong, and after a semicolon the remedy."""
    with pytest.raises(DataError) as raised:
        action()
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: "), message
    assert message.partition("; ")[2], message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("layout", [".", "cars_train", "cars_train/scene_1"])
def test_root_split_folder_and_instance_are_accepted(root: Path, layout: str) -> None:
    names = [path.name for path in list_instances(root / layout, None, "train")]
    assert names == (["scene_1"] if "scene" in layout else ["scene_0", "scene_1", "scene_2"])


def test_a_plain_folder_of_instances_serves_every_split(root: Path) -> None:
    (root / "cars_train").rename(root / "cars")
    for split in ("train", "val", "test"):
        assert [path.name for path in list_instances(root / "cars", None, split)] == ["scene_0", "scene_1", "scene_2"]


def test_split_and_category_choose_the_folder(root: Path, tmp_path: Path) -> None:
    write_srn(tmp_path / "more", scenes=2)
    (tmp_path / "more" / "cars_train").rename(root / "cars_test")
    write_srn(tmp_path / "again", scenes=1)
    assert len(list_instances(root, None, "test")) == 2
    (tmp_path / "again" / "cars_train").rename(root / "chairs_train")
    assert_error(lambda: list_instances(root, None, "train"), root, "cars, chairs", "--category")
    assert list_instances(root, "chairs", "train") == [root / "chairs_train" / "scene_0"]
    assert_error(lambda: list_instances(root, "boats", "train"), root / "boats_train", "cars_train", "chairs_train")
    assert_error(lambda: list_instances(root, "chairs", "val"), root / "chairs_val", "no such folder")


def test_files_that_archives_leave_are_no_views_and_no_instances(root: Path, instance: Path) -> None:
    for name in ("cars_train/.DS_Store", "cars_train/notes.txt", "cars_train/scene_0/rgb/._000000.png"):
        (root / name).write_bytes(b"junk")
    (root / "cars_train" / ".hidden" / "rgb").mkdir(parents=True)
    (instance / "rgb" / "Thumbs.db").write_bytes(b"junk")
    (instance / "pose" / "._000000.txt").write_bytes(b"junk")
    assert len(list_instances(root, None, "train")) == 3
    assert len(read_instance(instance).image_filenames) == 6


def test_folders_without_instances_are_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert_error(lambda: list_instances(gone, None, "train"), gone, "no such folder", "--data")
    empty = tmp_path / "root" / "cars_train"
    empty.mkdir(parents=True)
    assert_error(lambda: list_instances(tmp_path / "root", None, "train"), empty, "empty")
    (empty / "pictures").mkdir()
    assert_error(lambda: list_instances(tmp_path / "root", None, "train"), empty, "no instance")


def test_poses_come_in_opengl_axes(instance: Path) -> None:
    cameras = read_instance(instance).camera_to_worlds
    assert cameras.shape == (6, 3, 4) and cameras.dtype == np.float32
    right, up, backward, position = (cameras[..., axis] for axis in range(4))
    np.testing.assert_allclose(position, DISTANCE * backward, atol=1e-6)  # it looks at the origin along -z
    np.testing.assert_allclose(np.cross(up, backward), right, atol=1e-6)
    assert (up[:, 2] > 0).all()
    for view, camera in enumerate(cameras):
        pose = np.loadtxt(instance / "pose" / f"{view:06d}.txt").reshape(4, 4)
        np.testing.assert_allclose(camera, (pose @ np.diag([1, -1, -1, 1]))[:3], atol=1e-6)


def test_intrinsics_follow_the_size_of_the_pictures(tmp_path: Path) -> None:
    instance = write_srn(tmp_path, scenes=1, size=16, width=24, center=(11.0, 9.0)) / "cars_train" / "scene_0"
    read = read_instance(instance)
    assert (read.name, read.height, read.width) == ("scene_0", 16, 24)
    assert read.intrinsics[0] == pytest.approx((16.4, 16.4, 11.0, 9.0))
    (instance / "intrinsics.txt").write_text("65.6 44 36\n64 96")  # as of pictures four times as large, short form
    read = read_instance(instance)
    assert read.intrinsics[0] == pytest.approx((16.4, 16.4, 11.0, 9.0))
    assert [path.name for path in read.image_filenames] == [f"{view:06d}.png" for view in range(6)]


@pytest.mark.parametrize(
    "text", [None, "", "one two three\n16 16", "nan 8 8 0\n16 16", "-5 8 8 0\n16 16", "16 8 8 0\n0 16", "16 8 8 0.\n"]
)
def test_malformed_intrinsics_are_named(instance: Path, text: str | None) -> None:
    path = instance / "intrinsics.txt"
    path.unlink() if text is None else path.write_text(text)
    assert_error(lambda: read_instance(instance), path, "height width")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "0 numbers"),
        ("1 0 0", "3 numbers"),
        (POSE.rpartition(" ")[0], "15 numbers"),
        (POSE + " 0", "17 numbers"),
        ("camera " + POSE, "not numbers"),
        (POSE.replace(POSE.split()[3], "nan"), "not finite"),
        (POSE.replace(POSE.split()[3], "inf"), "not finite"),
        (" ".join(str(1.01 * float(word)) for word in POSE.split()[:12]) + " 0 0 0 1", "not a rigid motion"),
        ("1 0 0 0 0 1 0 0 0 0 -1 0 0 0 0 1", "not a rigid motion"),  # a mirror
        ("1 0 0 0 0 1 0 0 0 0 1 0 0 0 1 1", "not a rigid motion"),
    ],
)
def test_malformed_poses_are_named(instance: Path, text: str, wrong: str) -> None:
    path = instance / "pose" / "000002.txt"
    path.write_text(text)
    assert_error(lambda: read_instance(instance), path, wrong)


@pytest.mark.parametrize("name", ["pose/000002.txt", "rgb/000002.png", "intrinsics.txt"])
def test_a_file_that_cannot_be_read_is_named(instance: Path, name: str) -> None:
    (instance / name).unlink()
    (instance / name).mkdir()
    assert_error(lambda: read_instance(instance), instance / name)


def test_a_file_that_is_no_picture_is_named(instance: Path) -> None:
    path = instance / "rgb" / "000003.png"
    path.write_bytes(b"not a picture")
    assert_error(lambda: read_instance(instance), path, "picture")


def test_views_and_poses_must_match(instance: Path) -> None:
    picture, pose = instance / "rgb" / "000005.png", instance / "pose" / "000005.txt"
    pose.rename(instance / "spare.txt")
    assert_error(lambda: read_instance(instance), pose, "missing", "remove rgb/000005.png")
    (instance / "spare.txt").rename(pose)
    picture.rename(instance / "spare.png")
    assert_error(lambda: read_instance(instance), picture, "missing", "remove pose/000005.txt")
    (instance / "spare.png").rename(picture)
    Image.open(picture).save(picture.with_suffix(".jpg"))
    assert_error(lambda: read_instance(instance), picture, "same view", "remove")
    picture.with_suffix(".jpg").unlink()
    assert len(read_instance(instance).image_filenames) == 6


def test_instances_without_pictures_or_poses_are_named(instance: Path) -> None:
    shutil.rmtree(instance / "pose")
    assert_error(lambda: read_instance(instance), instance, "no pose/")
    shutil.rmtree(instance / "rgb")
    (instance / "rgb").mkdir()
    assert_error(lambda: read_instance(instance), instance / "rgb", "no pictures")


def test_views_of_two_sizes_are_named(instance: Path) -> None:
    path = instance / "rgb" / "000004.png"
    Image.new("RGB", (16, 18), "white").save(path)
    assert_error(lambda: read_instance(instance), path, "16 x 18", "16 x 16")


@pytest.mark.parametrize(("views", "held_out"), [(6, 0), (6, 1), (6, 5), (24, 3), (50, 7), (251, 250), (1, 0)])
def test_held_out_views_are_evenly_spread(views: int, held_out: int) -> None:
    training, held = split_views(views, held_out)
    assert len(held) == held_out and len(training) == views - held_out >= 1
    assert sorted([*training, *held]) == list(range(views))
    if held_out > 1:
        assert set(np.diff(held)) <= {views // held_out, -(-views // held_out)}


@pytest.mark.parametrize("held_out", [6, 7, -1])
def test_a_training_view_must_remain(instance: Path, held_out: int) -> None:
    parser = SrnDataParserConfig(data=instance, held_out_views=held_out).setup()
    assert_error(lambda: parser.get_dataparser_outputs("train"), instance, "--held-out-views", "0 and 5")


@pytest.mark.parametrize(("split", "views"), [("train", [0, 2, 3, 5]), ("val", [1, 4]), ("test", [1, 4])])
def test_one_instance_is_parsed_for_single_scene_methods(root: Path, split: str, views: list[int]) -> None:
    parser = SrnDataParserConfig(data=root, instance="scene_1", held_out_views=2).setup()
    outputs = parser.get_dataparser_outputs(split)
    read = read_instance(root / "cars_train" / "scene_1")
    assert outputs.image_filenames == [read.image_filenames[view] for view in views]
    cameras = outputs.cameras
    assert torch.equal(cameras.camera_to_worlds, torch.from_numpy(read.camera_to_worlds[views]))
    assert cameras.shape == (len(views),)
    assert (cameras.camera_type == CameraType.PERSPECTIVE.value).all()
    for value, expected in ((cameras.fx, 16.4), (cameras.fy, 16.4), (cameras.cx, 8), (cameras.cy, 8)):
        torch.testing.assert_close(value, torch.full((len(views), 1), float(expected)))
    assert (cameras.width == 16).all() and (cameras.height == 16).all()
    assert torch.equal(outputs.scene_box.get_center(), torch.zeros(3))
    assert outputs.scene_box.get_diagonal_length() > 1  # holds an object of unit diagonal however it is turned
    assert torch.equal(outputs.dataparser_transform, torch.eye(4)[:3]) and outputs.dataparser_scale == 1.0


def test_a_single_scene_method_is_told_what_to_choose(root: Path) -> None:
    for data, path in ((root, root), (root / "cars_train", root / "cars_train")):
        parser = SrnDataParserConfig(data=data).setup()
        assert_error(parser.get_dataparser_outputs, path, "scene_0, scene_1, scene_2", "srn --instance")
    parser = SrnDataParserConfig(data=root, instance="scene_9").setup()
    assert_error(parser.get_dataparser_outputs, root, "scene_9", "scene_0, scene_1, scene_2", "srn --instance")
    parser = SrnDataParserConfig(data=root / "cars_train" / "scene_2").setup()
    assert parser.get_dataparser_outputs().image_filenames[0].parts[-3] == "scene_2"


def test_transparency_is_white_for_single_scene_methods_too(instance: Path) -> None:
    picture = Image.new("RGBA", (16, 16), (200, 0, 0, 0))
    picture.save(instance / "rgb" / "000000.png")
    dataset = InputDataset(SrnDataParserConfig(data=instance).setup().get_dataparser_outputs("train"))
    assert dataset[0]["image"].shape == (16, 16, 3)
    assert (dataset[0]["image"] == 1).all()


def test_nerfstudio_finds_the_dataparser() -> None:
    (found,) = entry_points(group="nerfstudio.dataparser_configs", name="srn")
    assert found.load() is SrnDataParserSpecification
    assert isinstance(SrnDataParserSpecification.config, SrnDataParserConfig)


def test_importing_it_brings_in_no_method() -> None:
    code = "import sys, mnif_nerfstudio.srn_dataparser; print([m for m in sys.modules if m.startswith('nerfstudio.')])"
    modules = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert "nerfstudio.cameras.cameras" in modules.stdout
    for heavy in (
        "nerfstudio.engine",
        "nerfstudio.models",
        "nerfstudio.data.datamanagers",
        "nerfstudio.configs.method",
    ):
        assert heavy not in modules.stdout
