"""The demonstration set: valid SRN layout, reproducible, varied, geometrically consistent, made once."""

import itertools
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnif_core.data.demo import car_scenes
from mnif_core.data.demo.car_scenes import default_demo_root, make_demo_cars
from mnif_core.data.demo.car_shapes import BODY_TYPES, CarPaint, car_mesh, sample_paint, sample_shape
from mnif_core.errors import ConfigError, DataError
from mnif_core.meshes import raycast
from mnif_core.meshes.raycast import ColouredMesh
from mnif_core.rendering.cameras import look_at_origin_opencv

CARS, VIEWS, SIZE, SEED = 6, 8, 48, 3


@pytest.fixture(scope="module")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo_cars(tmp_path_factory.mktemp("data") / "demo_cars", CARS, VIEWS, SIZE, SEED)


def car_folders(root: Path) -> list[Path]:
    return sorted((root / "cars_train").iterdir())


def read_images(car: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted((car / "rgb").iterdir())])


def read_poses(car: Path) -> np.ndarray:
    return np.stack([np.loadtxt(path).reshape(4, 4) for path in sorted((car / "pose").iterdir())])


def read_mesh(car: int) -> ColouredMesh:
    rng = np.random.default_rng([SEED, car])
    return car_mesh(sample_shape(rng), sample_paint(rng))


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_layout_is_that_of_srn_cars(demo_root: Path) -> None:
    assert [car.name for car in car_folders(demo_root)] == [f"car_{index:04d}" for index in range(CARS)]
    for car in car_folders(demo_root):
        assert {path.name for path in car.iterdir()} == {"rgb", "pose", "intrinsics.txt"}
        assert sorted(path.name for path in (car / "rgb").iterdir()) == [f"{view:06d}.png" for view in range(VIEWS)]
        assert sorted(path.name for path in (car / "pose").iterdir()) == [f"{view:06d}.txt" for view in range(VIEWS)]
        images = read_images(car)
        assert images.shape == (VIEWS, SIZE, SIZE, 3) and images.dtype == np.uint8
        lines = [[float(word) for word in line.split()] for line in (car / "intrinsics.txt").read_text().splitlines()]
        assert lines == [[131.25 * SIZE / 128, SIZE / 2, SIZE / 2, 0], [0, 0, 0], [1], [SIZE, SIZE]]


def test_poses_look_at_the_origin_from_the_upper_hemisphere(demo_root: Path) -> None:
    poses = np.concatenate([read_poses(car) for car in car_folders(demo_root)])
    rotation, position = poses[:, :3, :3], poses[:, :3, 3]
    np.testing.assert_allclose(
        rotation @ rotation.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotation.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(position, axis=-1), 1.3, atol=1e-9)
    np.testing.assert_allclose(rotation[..., 2], -position / 1.3, atol=1e-9)
    assert (rotation[:, 2, 1] < 0).all(), "OpenCV's y axis points down"
    elevation = np.degrees(np.arcsin(position[:, 2] / 1.3))
    assert elevation.min() >= 0 and elevation.max() <= 80
    assert elevation.min() < 15 and elevation.max() > 65


def test_background_is_white_and_the_car_fills_its_share(demo_root: Path) -> None:
    for car in car_folders(demo_root):
        images = read_images(car)
        border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
        assert (border == 255).all()
        share = (images < 255).any(-1).mean()
        assert 0.10 < share < 0.50


def test_silhouettes_agree_with_mesh_and_poses(demo_root: Path) -> None:
    for index, car in enumerate(car_folders(demo_root)):
        vertices = read_mesh(index).vertices
        for image, pose in zip(read_images(car), read_poses(car), strict=True):
            x, y, z = ((vertices - pose[:3, 3]) @ pose[:3, :3]).T
            pixels = np.stack([y / z, x / z], -1) * (131.25 * SIZE / 128) + SIZE / 2
            rows_columns = np.argwhere((image < 255).any(-1))
            np.testing.assert_allclose(rows_columns.min(0), pixels.min(0), atol=1.5)
            np.testing.assert_allclose(rows_columns.max(0) + 1, pixels.max(0), atol=1.5)


def test_cars_are_distinct(demo_root: Path) -> None:
    pose = look_at_origin_opencv(0.5, 0.4)[None]
    pictures = [raycast.render_views(read_mesh(index), pose, SIZE)[0] / 255.0 for index in range(CARS)]
    for one, other in itertools.combinations(pictures, 2):
        assert np.abs(one - other).mean() > 0.01


def test_same_seed_gives_the_same_bytes_and_another_seed_other_cars(demo_root: Path, tmp_path: Path) -> None:
    again = make_demo_cars(tmp_path / "again", CARS, VIEWS, SIZE, SEED)
    assert contents(again) == contents(demo_root)
    other = make_demo_cars(tmp_path / "other", 1, VIEWS, SIZE, SEED + 1)
    assert not np.array_equal(read_images(car_folders(other)[0]), read_images(car_folders(demo_root)[0]))


def test_a_smaller_set_begins_with_the_same_cars(demo_root: Path, tmp_path: Path) -> None:
    smaller = make_demo_cars(tmp_path / "smaller", 2, VIEWS, SIZE, SEED)
    for one, other in zip(car_folders(smaller), car_folders(demo_root), strict=False):
        assert contents(one) == contents(other)


def test_second_call_does_no_work(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a complete set was made again")

    monkeypatch.setattr(car_scenes, "write_instance", refuse)
    assert make_demo_cars(demo_root, CARS, VIEWS, SIZE, SEED) == demo_root


@pytest.mark.parametrize("missing", ["rgb/000001.png", "pose/000000.txt", "intrinsics.txt", "rgb", ""])
def test_incomplete_set_is_made_again(demo_root: Path, tmp_path: Path, missing: str) -> None:
    root = make_demo_cars(tmp_path / "demo", 2, 2, 16)
    whole = contents(root)
    target = root / "cars_train" / "car_0001" / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    make_demo_cars(root, 2, 2, 16)
    assert contents(root) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["demo"], "nothing temporary stays behind"


def test_set_of_other_settings_or_version_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_demo_cars(tmp_path / "demo", 3, 1, 16)
    make_demo_cars(root, 1, 2, 16)
    assert len(car_folders(root)) == 1 and len(read_images(car_folders(root)[0])) == 2
    monkeypatch.setattr(car_scenes, "VERSION", car_scenes.VERSION + 1)
    make_demo_cars(root, 1, 2, 16)
    assert json.loads((root / "manifest.json").read_text())["version"] == car_scenes.VERSION


def test_interrupted_making_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(car_scenes, "write_instance", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        make_demo_cars(tmp_path / "demo", 2, 1, 16)
    assert list(tmp_path.iterdir()) == []


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "cars_train" / "real_car" / "rgb" / "000000.png"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"mine")
    with pytest.raises(DataError, match="choose a folder"):
        make_demo_cars(tmp_path, 1, 1, 16)
    assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("settings", [{"cars": 0}, {"views": 0}, {"size": 0}, {"seed": -1}])
def test_impossible_settings_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))}="):
        make_demo_cars(tmp_path / "demo", **settings)


def test_default_root_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path))
    assert default_demo_root() == tmp_path / "demo_cars"
    monkeypatch.delenv("MNIF_CACHE")
    assert default_demo_root() == Path.home() / ".cache" / "mnif-nerfstudio" / "demo_cars"


@pytest.mark.parametrize("name", BODY_TYPES)
def test_mesh_is_closed_centred_and_of_unit_diagonal(name: str) -> None:
    mesh = car_mesh(BODY_TYPES[name], CarPaint((0.7, 0.2, 0.2), (0.7, 0.2, 0.2), (0.3, 0.3, 0.3)))
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    np.testing.assert_allclose(low + high, 0, atol=1e-9)
    assert np.linalg.norm(high - low) == pytest.approx(1)
    assert np.argmax(high - low) == 1
    edges = Counter(map(tuple, mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()))
    assert set(edges.values()) == {1}
    assert all((end, start) in edges for start, end in edges)
    corners = mesh.vertices[mesh.triangles]
    assert np.linalg.det(corners).sum() > 0, "triangles turn anticlockwise seen from outside"
    assert mesh.colours.shape == mesh.triangles.shape and mesh.colours.min() >= 0 and mesh.colours.max() <= 1


def test_sampled_shapes_stay_buildable() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        shape = sample_shape(rng)
        assert shape.clearance < shape.nose * shape.belt < shape.height
        assert shape.belt <= shape.height - 0.4
        assert shape.hood + shape.deck + shape.windscreen + shape.rear_window < 0.95
        assert shape.front_overhang + shape.rear_overhang + 2 * shape.wheel / shape.length < 0.75


def test_test_split_has_other_cars_and_the_fixed_cameras(demo_root: Path, tmp_path: Path) -> None:
    root = make_demo_cars(tmp_path / "test", 2, 4, SIZE, SEED, split="test")
    assert make_demo_cars(root, 2, 4, SIZE, SEED, split="test") == root
    folders = sorted((root / "cars_test").iterdir())
    assert [folder.name for folder in folders] == ["car_10000", "car_10001"]
    poses = [read_poses(folder) for folder in folders]
    np.testing.assert_array_equal(poses[0], poses[1])
    np.testing.assert_allclose(poses[0][:, 2, 3], 1.3 * np.sin(np.radians([0, 30, 60, 90])), atol=1e-6)
    assert not np.array_equal(read_images(folders[0]), read_images(folders[1]))
