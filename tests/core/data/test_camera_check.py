"""Poses in other axes are read by name, and refused with that name where nobody has said it; objects elsewhere too."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnif_core.data.camera_axes import CAMERAS, CHOICES, WORLDS, Axes
from mnif_core.data.instances import check_alike, read_instance
from mnif_core.errors import ConfigError, DataError
from mnif_core.files.notes import collected_notes
from mnif_core.rendering.cameras import CameraReading
from tests.core.data.written_cameras import VIEWS, cameras, rolled, write_scene, written

EVERY = [*CHOICES, *(Axes(camera, True, up) for camera, up in zip(CAMERAS, [*WORLDS][1:], strict=True))]


@pytest.mark.parametrize("axes", EVERY, ids=str)
def test_cameras_of_any_axes_are_read_by_their_name(axes: Axes) -> None:
    assert Axes.named(str(axes)) == axes
    np.testing.assert_allclose(axes.to_opengl(written(cameras(), axes)), cameras()[:, :3], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("opencv", Axes("opencv")),
        ("Blender", Axes("opengl")),
        ("nerfstudio", Axes("opengl")),
        ("opengl-w2c", Axes("opengl", True)),
        ("opencv-z-up", Axes("opencv")),
        ("llff-w2c-y-down", Axes("llff", True, "-y")),
    ],
)
def test_names_of_axes(name: str, axes: Axes) -> None:
    assert Axes.named(name) == axes


@pytest.mark.parametrize("name", ["unreal", "opencv w2c", "opencv-y", "opencv-up", "-w2c", "z-up"])
def test_other_names_are_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=f"axes {name}: unknown; choose opencv, opengl .*llff or ros.*-w2c"):
        Axes.named(name)


@pytest.mark.parametrize("axes", [a for a in CHOICES if str(a) not in ("opencv", "pytorch3d", "llff", "ros")], ids=str)
def test_srn_poses_in_other_axes_are_refused_with_theirs(tmp_path: Path, axes: Axes) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), axes))
    with pytest.raises(DataError) as raised:
        read_instance(folder)
    message = str(raised.value)
    assert (
        message.startswith(f"{folder}: the origin, where the object should be, is not seen by") and "\n" not in message
    )
    assert f"; their axes are {axes}: pass --axes {axes} (ns-train: srn --axes {axes})" in message
    read = read_instance(folder, CameraReading(str(axes)))
    np.testing.assert_allclose(read.camera_to_worlds, cameras()[:, :3], atol=1e-6)


@pytest.mark.parametrize("name", ["llff", "ros"])
def test_axes_that_look_elsewhere_are_named_too(tmp_path: Path, name: str) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), Axes(name)))
    with pytest.raises(DataError, match=f"--axes {name} "):
        read_instance(folder)


def test_cameras_that_hang_upside_down_are_refused_with_both_ways_to_mean_it(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "turned", written(cameras(), Axes("pytorch3d")))
    with pytest.raises(DataError, match=r"up is -z\); pass --axes pytorch3d .* or --axes opencv-z-down .* if all is"):
        read_instance(folder)
    np.testing.assert_allclose(
        read_instance(folder, CameraReading("pytorch3d")).camera_to_worlds, cameras()[:, :3], atol=1e-6
    )
    folder = write_scene(tmp_path / "world", written(cameras(), Axes("opencv", False, "-z")))
    with pytest.raises(DataError, match=r"up is -z\); pass --axes opencv-z-down .* or --axes pytorch3d .* if all is"):
        read_instance(folder)
    with collected_notes() as notes:
        read_instance(folder, CameraReading("opencv"))  # whoever says so is believed
    assert len(notes) == 1 and "up is -z" in notes[0]


@pytest.mark.parametrize("up", ["y", "x"])
def test_a_world_that_lies_on_its_side_is_noted(tmp_path: Path, up: str) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(), Axes("opencv", False, up)))
    with collected_notes() as notes:
        lying = read_instance(folder)
    assert notes == [
        f"{folder}: up is {up}, and shown as if it were z; pass --axes opencv-{up}-up (ns-train: srn --axes "
        f"opencv-{up}-up) to turn it"
    ]
    standing = read_instance(folder, CameraReading(f"opencv-{up}-up")).camera_to_worlds
    np.testing.assert_allclose(standing, cameras()[:, :3], atol=1e-6)
    assert not np.allclose(lying.camera_to_worlds, standing)


def test_cameras_that_are_rolled_by_a_quarter_are_refused_where_other_axes_make_them_level(tmp_path: Path) -> None:
    quarter = rolled(cameras(), np.full(VIEWS, np.pi / 2))
    folder = write_scene(tmp_path / "car", written(quarter, Axes("opengl")))
    with pytest.raises(DataError, match="--axes "):
        read_instance(folder)


@pytest.mark.parametrize(
    "opengl",
    [
        cameras(),
        cameras(1),
        cameras(2),
        rolled(cameras(), np.random.default_rng(0).uniform(-0.1, 0.1, VIEWS)),
        rolled(cameras(24), np.random.default_rng(0).uniform(0, 7, 24)),
        cameras(distance=2.5),
        cameras(centre=(0.05, -0.1, 0.05)),
    ],
    ids=["level", "one view", "two views", "shaky", "rolled at random", "farther", "nearly centred"],
)
def test_good_cameras_pass_without_a_word(tmp_path: Path, opengl: Any) -> None:
    folder = write_scene(tmp_path / "car", written(opengl, Axes("opencv")))
    with collected_notes() as notes:
        read = read_instance(folder)
    assert notes == []
    np.testing.assert_allclose(read.camera_to_worlds, opengl[:, :3], atol=1e-6)


def test_an_object_elsewhere_is_found_and_moved(tmp_path: Path) -> None:
    opengl = cameras(distance=5.2, centre=(3, -8, 2))
    folder = write_scene(tmp_path / "car", written(opengl, Axes("opencv")))
    with pytest.raises(DataError) as raised:
        read_instance(folder)
    assert "the cameras look at (3, -8, 2) from 5.2 away and see a radius of 2.28: pass --normalise" in str(
        raised.value
    )
    read = read_instance(folder, CameraReading.of("", True))
    np.testing.assert_allclose(read.camera_to_worlds, cameras()[:, :3], atol=1e-5)
    np.testing.assert_allclose(read_instance(folder, CameraReading.of("", True, 2.6)).distance, 2.6, rtol=1e-6)


def test_an_object_beside_the_origin_is_noted(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "car", written(cameras(centre=(0.2, 0.15, 0)), Axes("opencv")))
    with collected_notes() as notes:
        read_instance(folder)
    assert len(notes) == 1 and "the object is not at the origin; the cameras look at (0.2, 0.15," in notes[0]


def test_other_axes_and_another_place_are_named_together(tmp_path: Path) -> None:
    axes = Axes("opengl", True)
    folder = write_scene(tmp_path / "car", written(cameras(centre=(0, 0, 30)), axes))
    with pytest.raises(DataError, match=r"pass --axes opengl-w2c --normalise \(ns-train: srn --axes opengl-w2c --norm"):
        read_instance(folder)
    read = read_instance(folder, CameraReading.of("opengl-w2c", True))
    np.testing.assert_allclose(read.camera_to_worlds, cameras()[:, :3], atol=1e-5)


def test_one_camera_that_looks_away_is_noted_and_most_are_refused(tmp_path: Path) -> None:
    opengl = cameras()
    opengl[2, :3, 3] += 9.0
    with collected_notes() as notes:
        read_instance(write_scene(tmp_path / "one", written(opengl, Axes("opencv"))))
    assert len(notes) == 1 and "1 of 8 cameras do not see the origin (views 2)" in notes[0]
    scattered = opengl.copy()
    scattered[:, :3, 3] += np.random.default_rng(1).uniform(-50, 50, (VIEWS, 3))
    folder = write_scene(tmp_path / "most", written(scattered, Axes("opencv")))
    for reading in (CameraReading(), CameraReading.of("", True)):
        with pytest.raises(DataError, match="; write camera-to-world poses of cameras that look at one object"):
            read_instance(folder, reading)


def test_scenes_of_one_set_are_of_one_size_and_one_up(tmp_path: Path) -> None:
    def scenes(*opengl: Any) -> tuple[Any, list[Path]]:
        folders = [tmp_path / f"{len(list(tmp_path.iterdir()))}_{i}" for i in range(len(opengl))]
        for folder, matrices in zip(folders, opengl, strict=True):
            write_scene(folder, written(matrices, Axes("opencv")))
        return [read_instance(folder) for folder in folders], folders

    check_alike(*scenes(cameras(), cameras(1), cameras(distance=2.0)))
    found, folders = scenes(cameras(), cameras(), cameras(distance=13.0))
    with pytest.raises(DataError, match="13 from the origin, those of most scenes 1.3; .*--normalise") as raised:
        check_alike(found, folders)
    assert str(raised.value).startswith(f"{folders[2]}: ")
    lying = written(cameras(), Axes("opengl", False, "y"))
    found, folders = scenes(lying, cameras(), cameras())
    with pytest.raises(DataError, match="up is y, in 2 of 3 scenes it is z; turn its poses") as raised:
        check_alike(found, folders)
    assert str(raised.value).startswith(f"{folders[0]}: ")
