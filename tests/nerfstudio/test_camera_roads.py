"""Sets with transforms.json, other axes and objects elsewhere on nerfstudio's roads: packed right, or refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.data.camera_axes import Axes
from mnif_core.data.scene_folders import list_instances
from mnif_core.errors import DataError
from mnif_core.rendering.cameras import CameraReading
from mnif_nerfstudio.datamanager import MultiSceneDataManagerConfig
from mnif_nerfstudio.scene_store import SceneStore
from mnif_nerfstudio.srn_dataparser import SrnDataParserConfig
from tests.core.data.written_cameras import FOCAL, SIZE, VIEWS, cameras, write_scene, written


@pytest.fixture
def transforms(tmp_path: Path) -> Path:
    """Three scenes with their pictures in another folder, and masks for the first."""
    root, pictures = tmp_path / "set", tmp_path / "pictures"
    pictures.mkdir()
    for scene in range(3):
        frames = []
        for view, pose in enumerate(cameras().tolist()):
            name = f"../../pictures/{scene}_{view}.png"
            Image.new("RGB", (SIZE, SIZE), (90 * scene, 9 * view, 0)).save(pictures / f"{scene}_{view}.png")
            frames.append({"file_path": name, "transform_matrix": pose, "fl_x": FOCAL + view})
        (root / f"scene_{scene}").mkdir(parents=True)
        (root / f"scene_{scene}/transforms.json").write_text(json.dumps({"frames": frames}))
    return root


def opened(root: Path, cache: Path, reading: CameraReading = CameraReading()) -> SceneStore:  # noqa: B008
    return SceneStore.open(list_instances(root, None, "train"), 2, cache, reading)


def test_folders_of_transforms_are_packed(transforms: Path, tmp_path: Path) -> None:
    store = opened(transforms, tmp_path / "cache")
    assert store.scene_names == ["scene_0", "scene_1", "scene_2"] and store.images.shape == (24, SIZE, SIZE, 3)
    for index in (3, 17):
        image, camera, intrinsics = store.view(index)
        assert image[0, 0].tolist() == [90 * (index // 8), 9 * (index % 8), 0]
        np.testing.assert_allclose(camera, cameras()[index % 8, :3], atol=1e-6)
        np.testing.assert_allclose(intrinsics, [FOCAL + index % 8, FOCAL + index % 8, 8, 8], rtol=1e-6)


def test_pictures_that_lie_elsewhere_are_packed_again_when_they_change(transforms: Path, tmp_path: Path) -> None:
    opened(transforms, tmp_path / "cache")
    picture = transforms.parent / "pictures/1_0.png"
    Image.new("RGB", (SIZE, SIZE), (1, 2, 3)).save(picture)
    os.utime(picture, ns=(0, 0))
    assert opened(transforms, tmp_path / "cache").view(8)[0][0, 0].tolist() == [1, 2, 3]


def test_a_datamanager_trains_on_them(transforms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path / "cache"))
    config = MultiSceneDataManagerConfig(data=transforms, scenes_per_step=2, views_per_scene=2, pixels_per_view=3)
    manager = config.setup(device="cpu")
    bundle, batch = manager.next_train(0)
    assert len(bundle) == 12 and batch["image"].shape == (12, 3)
    assert manager.train_dataset.cameras.fx.flatten().unique().numel() == VIEWS - 3


@pytest.mark.parametrize("axes", ["opengl", "opencv-w2c", "opengl-w2c"])
def test_srn_sets_of_other_axes_do_not_train_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axes: str
) -> None:
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path / "cache"))
    for scene in range(2):
        write_scene(tmp_path / f"set/scene_{scene}", written(cameras(), Axes.named(axes)))
    with pytest.raises(DataError, match=rf"pass --axes {axes} \(ns-train: srn --axes {axes}\)"):
        MultiSceneDataManagerConfig(data=tmp_path / "set").setup(device="cpu")
    parser = SrnDataParserConfig(axes=axes)
    manager = MultiSceneDataManagerConfig(data=tmp_path / "set", dataparser=parser).setup(device="cpu")
    expected = torch.from_numpy(cameras()[:, :3]).float().repeat(2, 1, 1)
    torch.testing.assert_close(manager.store.camera_to_worlds, expected)
    assert manager.train_dataparser_outputs.metadata["views"]["axes"] == axes
    single = SrnDataParserConfig(data=tmp_path / "set/scene_0", axes=axes, held_out_views=0).setup()
    torch.testing.assert_close(single.get_dataparser_outputs("train").cameras.camera_to_worlds, expected[:VIEWS])


def test_a_set_of_objects_elsewhere_trains_once_normalised(tmp_path: Path) -> None:
    for scene, (distance, height) in enumerate([(5.0, 40.0), (20.0, -9.0)]):
        poses = written(cameras(distance=distance, centre=(0, 0, height)), Axes("opencv"))
        write_scene(tmp_path / f"set/scene_{scene}", poses)
    with pytest.raises(DataError, match=r"pass --normalise \(ns-train: srn --normalise True\)"):
        opened(tmp_path / "set", tmp_path / "cache")
    assert [entry.name for entry in (tmp_path / "cache/scenes").iterdir()] == [".lock"]
    store = opened(tmp_path / "set", tmp_path / "cache", CameraReading.of("", True))
    expected = torch.from_numpy(cameras()[:, :3]).float().repeat(2, 1, 1)
    torch.testing.assert_close(store.camera_to_worlds, expected, atol=1e-5, rtol=0)


def test_masks_reach_the_packed_views_and_single_scene_methods(transforms: Path, tmp_path: Path) -> None:
    path = transforms / "scene_0/transforms.json"
    content = json.loads(path.read_text())
    for view, frame in enumerate(content["frames"]):
        mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
        mask[view:] = 255
        Image.fromarray(mask).save(transforms / f"scene_0/mask_{view}.png")
        frame["mask_path"] = f"mask_{view}.png"
    path.write_text(json.dumps(content))
    store = opened(transforms, tmp_path / "cache")
    assert (store.view(5)[0][:5] == 255).all() and (store.view(5)[0][5:, :, 2] == 0).all()
    parser = SrnDataParserConfig(data=transforms / "scene_0", held_out_views=2).setup()
    outputs = parser.get_dataparser_outputs("val")
    assert [path.name for path in outputs.mask_filenames or []] == ["mask_2.png", "mask_6.png"]
