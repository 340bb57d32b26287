"""SRN layout: what is accepted, how cameras are read, and that whatever is wrong is one clear line."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.errors import DataError
from mnif_nerfstudio.srn_dataparser import SrnDataParserConfig, list_instances, read_instance, split_views
from tests.srn_fixture import write_instance, write_srn

CHAIRS = Path(os.environ.get("MNIF_SHARED") or Path(__file__).parents[3] / "shared") / "real_data" / "chairs_srn"


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_layouts(tmp_path: Path) -> None:
    root = write_srn(tmp_path / "set")
    expected = ["car_0", "car_1", "car_2"]
    assert names(list_instances(root, None, "train")) == expected
    assert names(list_instances(root, "cars", "train")) == expected
    assert names(list_instances(root / "cars_train", None, "train")) == expected
    assert names(list_instances(root / "cars_train" / "car_1", None, "train")) == ["car_1"]
    write_instance(root / "chairs_train" / "chair")
    assert names(list_instances(root, "chairs", "train")) == ["chair"]
    with pytest.raises(DataError, match="cars, chairs.*--category"):
        list_instances(root, None, "train")


def test_cameras_come_out_in_opengl_axes_and_look_at_the_origin(tmp_path: Path) -> None:
    instance = read_instance(write_instance(tmp_path / "one"))
    poses = instance.camera_to_worlds
    assert poses.shape == (6, 3, 4)
    np.testing.assert_allclose(poses[:, :, 3], 1.3 * poses[:, :, 2], atol=1e-6)  # z points back, away from the origin
    assert (poses[:, 2, 1] > 0).all()  # y points up
    assert (instance.fx, instance.cx, instance.cy) == (131.25 / 8, 8.0, 8.0)


def test_intrinsics_follow_the_pictures_size(tmp_path: Path) -> None:
    folder = write_instance(tmp_path / "one", size=16)
    (folder / "intrinsics.txt").write_text("131.25 64. 64. 0.\n0. 0. 0.\n1.\n128 128\n")
    instance = read_instance(folder)
    assert (instance.fx, instance.cx) == (131.25 / 8, 8.0)


def test_views_are_split_evenly_and_completely() -> None:
    training, held_out = split_views(24, 3)
    assert held_out.tolist() == [4, 12, 20]
    assert sorted([*training, *held_out]) == list(range(24))
    assert len(split_views(50, 1)[0]) == 49
    with pytest.raises(DataError, match="held out"):
        split_views(3, 3)


def test_outputs_of_one_instance(tmp_path: Path) -> None:
    root = write_srn(tmp_path / "set")
    config = SrnDataParserConfig(data=root, instance="car_1", held_out_views=2)
    train, held_out = (config.setup().get_dataparser_outputs(split) for split in ("train", "test"))
    assert len(train.image_filenames) == 4 and len(held_out.image_filenames) == 2
    assert not set(train.image_filenames) & set(held_out.image_filenames)
    assert all(path.parent.parent.name == "car_1" for path in train.image_filenames)
    assert torch.allclose(train.cameras.camera_to_worlds[:, :, 3].norm(dim=-1), torch.tensor(1.3), atol=1e-5)
    with pytest.raises(DataError, match="holds 3 instances.*--instance car_0"):
        SrnDataParserConfig(data=root).setup().get_dataparser_outputs("train")
    with pytest.raises(DataError, match="no instance 'bus'"):
        SrnDataParserConfig(data=root, instance="bus").setup().get_dataparser_outputs("train")


def rewrite_pose(change: Callable[[np.ndarray], None]) -> Callable[[Path], Path]:
    def damage(folder: Path) -> Path:
        path = folder / "pose" / "000002.txt"
        pose = np.array(path.read_text().split(), float).reshape(4, 4)
        change(pose)
        path.write_text(" ".join(map(str, pose.ravel())))
        return path

    return damage


def remove(name: str) -> Callable[[Path], Path]:
    def damage(folder: Path) -> Path:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return folder

    return damage


def write(name: str, text: str) -> Callable[[Path], Path]:
    def damage(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return damage


def other_size(folder: Path) -> Path:
    Image.new("RGB", (20, 16)).save(folder / "rgb" / "000003.png")
    return folder / "rgb" / "000003.png"


def set_nan(pose: np.ndarray) -> None:
    pose[0, 3] = np.nan


def scale(pose: np.ndarray) -> None:
    pose[:3, :3] *= 1.1


def mirror(pose: np.ndarray) -> None:
    pose[:3, 0] *= -1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (remove("pose"), "no pose/ folder"),
        (remove("pose/000001.txt"), "000001.txt: missing"),
        (remove("rgb/000001.png"), "6 poses but 5 views"),
        (remove("intrinsics.txt"), "intrinsics.txt: missing"),
        (write("intrinsics.txt", "focal\n"), "malformed"),
        (write("intrinsics.txt", ""), "malformed"),
        (write("intrinsics.txt", "nan 8 8 0\n16 16\n"), "malformed"),
        (write("pose/000002.txt", "1 2 3"), "3 numbers"),
        (write("pose/000002.txt", "one two"), "not numbers"),
        (write("rgb/000002.png", "no picture"), "not a readable picture"),
        (rewrite_pose(set_nan), "not finite"),
        (rewrite_pose(scale), "not a rigid motion"),
        (rewrite_pose(mirror), "not a rigid motion"),
        (other_size, "20 x 16 pixels among views of 16 x 16"),
    ],
)
def test_damage_is_one_line_with_path_and_remedy(tmp_path: Path, damage: Callable[[Path], Path], says: str) -> None:
    folder = write_instance(tmp_path / "one")
    path = damage(folder)
    with pytest.raises(DataError) as caught:
        read_instance(folder)
    message = str(caught.value)
    assert says in message and str(path) in message and "\n" not in message
    assert len(message.partition("; ")[2]) > 10  # the remedy


def test_missing_and_empty_folders_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "root" / "cars_train").mkdir(parents=True)
    (tmp_path / "junk" / "folder").mkdir(parents=True)
    for path, says in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "empty", "empty"),
        (tmp_path / "root", "empty"),
        (tmp_path / "junk", "no instance here"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            list_instances(path, None, "train")
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(DataError, match="cars_val: no such folder"):
        list_instances(tmp_path / "root", "cars", "val")


@pytest.mark.skipif(not CHAIRS.is_dir(), reason=f"needs the real set {CHAIRS.name} beside the repository")
def test_real_chairs_are_read() -> None:
    instances = [read_instance(path) for path in list_instances(CHAIRS, None, "train")]
    assert len(instances) == 64
    assert all(len(instance.image_filenames) == 24 and instance.width == 128 for instance in instances)
    distances = np.linalg.norm(np.stack([i.camera_to_worlds for i in instances])[..., 3], axis=-1)
    np.testing.assert_allclose(distances, 1.3, atol=1e-3)
