"""The packed store: pixels and rays are those of the files, and the cache is whole, fresh or made anew."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from PIL import Image

import mnif_nerfstudio.scene_cache as scene_cache
from mnif_core.errors import DataError
from mnif_nerfstudio.scene_store import SceneStore
from mnif_nerfstudio.srn_dataparser import list_instances, read_instance
from tests.srn_fixture import write_instance, write_srn


@pytest.fixture
def instances(tmp_path: Path) -> list[Path]:
    return list_instances(write_srn(tmp_path / "set"), None, "train")


def open_store(instances: list[Path], cache: Path) -> SceneStore:
    return SceneStore.open(instances, held_out_views=2, cache_dir=cache)


def test_views_are_the_files(instances: list[Path], tmp_path: Path) -> None:
    store = open_store(instances, tmp_path / "cache")
    assert store.scene_names == ["car_0", "car_1", "car_2"]
    assert store.images.shape == (18, 16, 16, 3)
    assert store.camera_distance == pytest.approx(1.3, abs=1e-5)
    for scene, path in enumerate(instances):
        instance = read_instance(path)
        both = [*store.views_of(scene, held_out=False).tolist(), *store.views_of(scene, held_out=True).tolist()]
        assert len(both) == 6 and len(store.views_of(scene, held_out=True)) == 2
        for number, index in enumerate(sorted(both)):
            image, camera, intrinsics = store.view(index)
            assert np.array_equal(image, np.asarray(Image.open(instance.image_filenames[number])))
            assert np.array_equal(camera.numpy(), instance.camera_to_worlds[number])
            assert intrinsics.tolist() == pytest.approx([instance.fx, instance.fy, instance.cx, instance.cy])


def test_rays_are_nerfstudios_and_colours_the_pictures(instances: list[Path], tmp_path: Path) -> None:
    store = open_store(instances, tmp_path / "cache")
    batch = store.sample_pixels(torch.tensor([2, 0]), 3, 5, 0.0, torch.Generator().manual_seed(0))
    assert batch.origins.shape == (30, 3)
    assert (store.scene_of_view[batch.view].view(2, 15) == torch.tensor([[2], [0]])).all()
    assert not store.is_held_out[batch.view].any()
    cameras = Cameras(store.camera_to_worlds, *(store.intrinsics[:, i : i + 1] for i in range(4)), width=16, height=16)
    for ray in range(30):
        rays = cameras.generate_rays(int(batch.view[ray]), keep_shape=True)
        same = (rays.directions - batch.directions[ray]).norm(dim=-1)
        row, column = divmod(int(same.argmin()), 16)
        assert float(same.min()) < 1e-5
        torch.testing.assert_close(rays.origins[row, column], batch.origins[ray])
        torch.testing.assert_close(rays.metadata["directions_norm"][row, column], batch.directions_norm[ray])
        expected = store.images[batch.view[ray], row, column].float() / 255
        torch.testing.assert_close(batch.colors[ray], expected)


def test_share_of_foreground(instances: list[Path], tmp_path: Path) -> None:
    store = open_store(instances, tmp_path / "cache")
    shares = []
    for share in (0.0, 0.5, 1.0):
        batch = store.sample_pixels(torch.arange(3), 50, 20, share, torch.Generator().manual_seed(0))
        shares.append(float((batch.colors < 0.95).any(-1).float().mean()))
    covered = 24 / 256
    assert shares[0] == pytest.approx(covered, abs=0.02)
    assert shares[1] == pytest.approx(0.5 + 0.5 * covered, abs=0.02)
    assert shares[2] == 1.0


def test_a_view_without_foreground_is_drawn_uniformly(tmp_path: Path) -> None:
    folder = write_instance(tmp_path / "one")
    for path in (folder / "rgb").iterdir():
        Image.new("RGB", (16, 16), "white").save(path)
    store = open_store([folder], tmp_path / "cache")
    batch = store.sample_pixels(torch.tensor([0]), 4, 8, 1.0, torch.Generator().manual_seed(0))
    assert (batch.colors == 1.0).all()


def test_same_generator_state_same_batch(instances: list[Path], tmp_path: Path) -> None:
    store = open_store(instances, tmp_path / "cache")
    one, two = (store.sample_pixels(torch.arange(3), 2, 3, 0.5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise AssertionError(f"decoded {path}")

    monkeypatch.setattr(scene_cache, "decode", fail)


def test_a_cached_set_is_opened_without_reading_pictures(
    instances: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_store(instances, tmp_path / "cache")
    forbid_decoding(monkeypatch)
    assert torch.equal(open_store(instances, tmp_path / "cache").images, first.images)


def test_a_changed_picture_is_packed_anew(instances: list[Path], tmp_path: Path) -> None:
    first = open_store(instances, tmp_path / "cache")
    before = first.images[0].clone()
    path = instances[0] / "rgb" / "000000.png"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    os.utime(path, ns=(1, 1))
    second = open_store(instances, tmp_path / "cache")
    assert int(second.images[0].max()) == 0 and int(before.max()) == 255


@pytest.mark.parametrize("name", ["images.npy", "foreground.npy", "cameras.safetensors", "store.json"])
def test_a_truncated_cache_is_made_anew(instances: list[Path], tmp_path: Path, name: str) -> None:
    cache = tmp_path / "cache"
    expected = open_store(instances, cache).images.clone()
    file = next(cache.glob(f"scenes/*/{name}"))
    file.write_bytes(file.read_bytes()[:20])
    assert torch.equal(open_store(instances, cache).images, expected)


def test_an_interrupted_build_leaves_nothing_that_is_used(
    instances: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(scene_cache, "save_file", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            open_store(instances, cache)
    assert not list((cache / "scenes").iterdir())
    assert open_store(instances, cache).num_scenes == 3


def test_transparent_pictures_are_laid_over_white(tmp_path: Path) -> None:
    folder = write_instance(tmp_path / "one")
    for path in (folder / "rgb").iterdir():
        picture = np.zeros((16, 16, 4), np.uint8)
        picture[:8] = (255, 0, 0, 255)
        Image.fromarray(picture).save(path)
    image = open_store([folder], tmp_path / "cache").view(0)[0]
    assert image[0, 0].tolist() == [255, 0, 0] and image[12, 0].tolist() == [255, 255, 255]


def test_a_truncated_picture_is_one_line(instances: list[Path], tmp_path: Path) -> None:
    path = instances[1] / "rgb" / "000004.png"
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    Image.fromarray(picture).save(path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(DataError, match="truncated or damaged") as caught:
        open_store(instances, tmp_path / "cache")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_scenes_of_different_sizes_are_one_line(instances: list[Path], tmp_path: Path) -> None:
    other = write_instance(tmp_path / "other", size=20)
    with pytest.raises(DataError, match="20 x 20 pixels among scenes of 16 x 16") as caught:
        open_store([*instances, other], tmp_path / "cache")
    assert str(other) in str(caught.value)
