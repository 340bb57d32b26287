"""Packed scenes: made once, renewed when files change, whole or not used; and the rays drawn from them."""

import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from PIL import Image

from mnif_core.data import instances
from mnif_core.data.instances import AS_WRITTEN, read_instance
from mnif_core.data.scene_folders import list_instances
from mnif_core.errors import DataError
from mnif_core.files.cache_folder import cache_folder
from mnif_nerfstudio import scene_cache
from mnif_nerfstudio.scene_store import PixelBatch, SceneStore
from tests.srn_fixture import DISTANCE, noise_on_white, write_picture, write_srn

SHARED = Path(os.environ.get("MNIF_SHARED") or Path(__file__).parents[3] / "shared")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_srn(tmp_path / "data")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def open_store(root: Path, cache: Path, held_out_views: int = 2) -> SceneStore:
    return SceneStore.open(list_instances(root, None, "train"), held_out_views, cache)


def entries(cache: Path) -> list[Path]:
    """What the cache holds besides its lock."""
    return [path for path in (cache / "scenes").iterdir() if path.name != ".lock"]


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: Any) -> Any:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(instances, "decode_view", fail)
    monkeypatch.setattr(scene_cache, "read_instance", fail)


def draw(store: SceneStore, scenes: Sequence[int], views: int, pixels: int, share: float, seed: int = 0) -> PixelBatch:
    generator = torch.Generator(store.images.device).manual_seed(seed)
    return store.sample_pixels(torch.tensor(scenes), views, pixels, share, generator)


def test_views_and_cameras_are_those_of_the_files(root: Path, cache: Path) -> None:
    store = open_store(root, cache)
    assert (store.num_scenes, store.height, store.width) == (3, 16, 16)
    assert store.scene_names == ["scene_0", "scene_1", "scene_2"]
    assert store.images.shape == (18, 16, 16, 3) and store.images.dtype == torch.uint8
    assert store.scene_of_view.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert store.camera_distance == pytest.approx(DISTANCE, abs=1e-5)
    for scene in range(3):
        assert store.views_of(scene, held_out=True).tolist() == [6 * scene + 1, 6 * scene + 4]
        assert store.views_of(scene, held_out=False).tolist() == [6 * scene + view for view in (0, 2, 3, 5)]
        instance = read_instance(root / "cars_train" / f"scene_{scene}")
        for number, file in enumerate(instance.image_filenames):
            image, camera_to_world, intrinsics = store.view(6 * scene + number)
            np.testing.assert_array_equal(image, np.asarray(Image.open(file)))
            np.testing.assert_array_equal(camera_to_world, instance.camera_to_worlds[number])
            np.testing.assert_array_equal(intrinsics, instance.intrinsics[number])
            assert store.image_filenames[6 * scene + number] == f"scene_{scene}/rgb/{number:06d}.png"


def test_foreground_is_what_is_not_near_white(root: Path, cache: Path) -> None:
    edge = np.full((16, 16, 3), 250, dtype=np.uint8)
    edge[3, 5, 2] = 249
    write_picture(root / "cars_train" / "scene_1" / "rgb" / "000002.png", edge)
    store = open_store(root, cache)
    for view in range(len(store.images)):
        start, end = store.foreground_offsets[view : view + 2].tolist()
        expected = np.flatnonzero((store.images[view].numpy() < 250).any(-1))
        np.testing.assert_array_equal(store.foreground[start:end], expected)
    assert store.foreground[store.foreground_offsets[8] : store.foreground_offsets[9]].tolist() == [3 * 16 + 5]


@pytest.mark.parametrize("mode", ["RGBA", "P", "L"])
def test_pictures_of_other_kinds_become_rgb_over_white(root: Path, cache: Path, mode: str) -> None:
    path = root / "cars_train" / "scene_0" / "rgb" / "000000.png"
    if mode == "RGBA":
        pixels = np.zeros((16, 16, 4), dtype=np.uint8)
        pixels[8:] = [100, 20, 20, 128]
        write_picture(path, pixels)
        expected = [round(255 - 128 / 255 * (255 - value)) for value in (100, 20, 20)]
    elif mode == "P":
        picture = Image.new("P", (16, 16), 0)
        picture.putpalette([0, 0, 0, 100, 20, 20])
        picture.paste(1, (0, 8, 16, 16))
        picture.save(path, transparency=0)
        expected = [100, 20, 20]
    else:
        Image.fromarray(np.repeat(np.array([255] * 8 + [70] * 8, dtype=np.uint8)[:, None], 16, 1)).save(path)
        expected = [70, 70, 70]
    image = open_store(root, cache).view(0)[0]
    assert (image[:8] == 255).all()
    assert np.abs(image[8:].astype(int) - expected).max() <= 1


def test_a_second_opening_reads_no_file(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_store(root, cache)
    forbid_reading(monkeypatch)
    second = open_store(root, cache, held_out_views=1)  # views are held out at opening, not in the cache
    assert torch.equal(first.images, second.images) and torch.equal(first.camera_to_worlds, second.camera_to_worlds)
    assert int(second.is_held_out.sum()) == 3
    assert len(entries(cache)) == 1


def test_the_cache_is_where_the_environment_says(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path / "elsewhere"))
    SceneStore.open(list_instances(root, None, "train"), 1)
    assert len(entries(tmp_path / "elsewhere")) == 1
    monkeypatch.delenv("MNIF_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "mnif-nerfstudio"


def test_changed_files_are_packed_again(root: Path, cache: Path) -> None:
    before = open_store(root, cache)
    scene = root / "cars_train" / "scene_1"
    changed = noise_on_white(16, 16, np.random.default_rng(5))
    write_picture(scene / "rgb" / "000003.png", changed)
    np.testing.assert_array_equal(open_store(root, cache).view(9)[0], changed)

    (scene / "pose" / "000003.txt").write_text((scene / "pose" / "000002.txt").read_text())
    cameras = open_store(root, cache).camera_to_worlds
    assert torch.equal(cameras[9], before.camera_to_worlds[8])

    (scene / "intrinsics.txt").write_text("20 8 8 0\n16 16")
    assert open_store(root, cache).intrinsics[9].tolist() == [20, 20, 8, 8]

    (scene / "rgb" / "000003.png").unlink()
    (scene / "pose" / "000003.txt").unlink()
    assert len(open_store(root, cache).images) == 17

    later = scene.parent / "scene_2" / "rgb" / "000000.png"  # same size, same name, later
    key = scene_cache.content_key(list_instances(root, None, "train"), AS_WRITTEN)
    os.utime(later, ns=(1, later.stat().st_mtime_ns + 1))
    assert scene_cache.content_key(list_instances(root, None, "train"), AS_WRITTEN) != key


@pytest.mark.parametrize("name", ["images.npy", "foreground.npy", "cameras.safetensors", "store.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing", "overwritten"])
def test_damaged_cache_entries_are_packed_again(root: Path, cache: Path, name: str, damage: str) -> None:
    images = open_store(root, cache).images.clone()
    (entry,) = entries(cache)
    if damage == "missing":
        (entry / name).unlink()
    elif damage == "overwritten":
        content = (entry / name).read_bytes()
        (entry / name).write_bytes(content[:20] + b"?" + content[21:])
    else:
        (entry / name).write_bytes((entry / name).read_bytes()[:-7])
    assert not scene_cache.is_whole(entry)
    assert torch.equal(open_store(root, cache).images, images)
    assert scene_cache.is_whole(entry) and entries(cache) == [entry]


def test_damaged_foreground_stays_within_the_picture(root: Path, cache: Path) -> None:
    open_store(root, cache)
    path = entries(cache)[0] / "foreground.npy"
    content = path.read_bytes()
    path.write_bytes(content[: scene_cache.HEAD] + b"\xff" * (len(content) - scene_cache.HEAD))
    assert draw(open_store(root, cache), [0, 1, 2], 2, 50, 1.0).colors.shape == (300, 3)
    path.write_bytes(content[: scene_cache.HEAD] + b"\x7f" * (len(content) - scene_cache.HEAD))
    assert draw(open_store(root, cache), [0, 1, 2], 2, 50, 1.0).colors.shape == (300, 3)


def test_an_interrupted_build_leaves_nothing(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = instances.decode_view

    def interrupted(path: Path, mask: Path | None) -> Any:
        if path.name == "000004.png":
            raise KeyboardInterrupt
        return decode(path, mask)

    monkeypatch.setattr(instances, "decode_view", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_store(root, cache)
    assert entries(cache) == []
    monkeypatch.setattr(instances, "decode_view", decode)
    assert len(open_store(root, cache).images) == 18


def test_a_killed_build_is_not_used_and_cleared_away(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = os.fork()
    if child == 0:
        decode = instances.decode_view
        monkeypatch.setattr(instances, "decode_view", lambda p, m: os._exit(9) if "scene_2" in str(p) else decode(p, m))
        open_store(root, cache)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (leftover,) = entries(cache)
    assert not scene_cache.is_whole(leftover)
    store = open_store(root, cache)
    np.testing.assert_array_equal(
        store.view(17)[0], np.asarray(Image.open(root / "cars_train" / store.image_filenames[17]))
    )
    (entry,) = entries(cache)
    assert entry != leftover and scene_cache.is_whole(entry)


def test_builders_at_the_same_time_pack_once(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, read = instances.decode_view, []

    def counted(path: Path, mask: Path | None) -> Any:
        read.append(path)
        return decode(path, mask)

    monkeypatch.setattr(instances, "decode_view", counted)
    barrier, stores = threading.Barrier(4), []

    def build() -> None:
        barrier.wait()
        stores.append(open_store(root, cache))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4 and len(read) == 18
    assert all(torch.equal(store.images, stores[0].images) for store in stores)
    assert len(entries(cache)) == 1


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_truncated_picture_is_named(root: Path, cache: Path, kept: float) -> None:
    path = root / "cars_train" / "scene_1" / "rgb" / "000004.png"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError) as raised:
        open_store(root, cache)
    message = str(raised.value)
    assert message.startswith(f"{path}: truncated") and "; restore it" in message and "\n" not in message
    assert entries(cache) == []


def test_scenes_of_two_sizes_are_named(root: Path, cache: Path, tmp_path: Path) -> None:
    write_srn(tmp_path / "larger", scenes=1, size=20)
    odd = root / "cars_train" / "scene_9"
    (tmp_path / "larger" / "cars_train" / "scene_0").rename(odd)
    with pytest.raises(DataError, match="20 x 20 pixels among scenes of 16 x 16; bring all to one size") as raised:
        open_store(root, cache)
    assert str(raised.value).startswith(f"{odd}: ")


def test_too_many_held_out_views_are_refused_by_name(root: Path, cache: Path) -> None:
    for kind in ("rgb/000005.png", "pose/000005.txt"):
        (root / "cars_train" / "scene_2" / kind).unlink()
    assert open_store(root, cache, held_out_views=4).training_counts.tolist() == [2, 2, 1]
    with pytest.raises(DataError, match="5 of 5 views .*; pass srn --held-out-views") as raised:
        open_store(root, cache, held_out_views=5)
    assert str(raised.value).startswith(f"{root / 'cars_train' / 'scene_2'}: ")


def test_a_cache_that_cannot_be_written_is_named(
    root: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write here.*; .*MNIF_CACHE") as raised:
        open_store(root, tmp_path / "file")
    assert str(raised.value).startswith(str(tmp_path / "file")) and "\n" not in str(raised.value)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(scene_cache, "save_file", full)
    with pytest.raises(DataError, match=r"No space left on device\); make room"):
        open_store(root, cache)
    assert entries(cache) == []


def test_rays_are_those_of_nerfstudio(tmp_path: Path, cache: Path) -> None:
    store = open_store(write_srn(tmp_path / "wide", size=16, width=24, center=(11.0, 9.5)), cache)
    batch = draw(store, [2, 0], 5, 40, 1.0)
    fx, fy, cx, cy = (value[:, None] for value in store.intrinsics.unbind(-1))
    cameras = Cameras(store.camera_to_worlds, fx, fy, cx, cy, store.width, store.height)
    colors = (batch.colors * 255).round().to(torch.uint8)
    same = (store.images[batch.view].flatten(1, 2) == colors[:, None]).all(-1)
    once = same.sum(1) == 1  # the noise tells which pixel it is
    assert once.float().mean() > 0.95
    pixel = same.int().argmax(1)
    coords = torch.stack([pixel // 24, pixel % 24], dim=-1) + 0.5
    rays = cameras.generate_rays(camera_indices=batch.view[:, None], coords=coords)
    torch.testing.assert_close(batch.origins[once], rays.origins[once])
    torch.testing.assert_close(batch.directions[once], rays.directions[once])
    torch.testing.assert_close(batch.directions_norm[once], rays.metadata["directions_norm"][once])
    torch.testing.assert_close(batch.directions.norm(dim=-1), torch.ones(len(batch.view)))


def test_batches_are_contiguous_by_scene_and_view(root: Path, cache: Path) -> None:
    store = open_store(root, cache)
    batch = draw(store, [2, 0, 1], 4, 5, 0.5)
    for values, last in zip(batch, (3, 3, 1, 3, None), strict=True):
        assert values.shape == ((60,) if last is None else (60, last))
    assert all(values.dtype == torch.float32 for values in batch[:4])
    assert batch.colors.min() >= 0 and batch.colors.max() <= 1
    assert store.scene_of_view[batch.view].tolist() == [2] * 20 + [0] * 20 + [1] * 20
    assert (batch.view.view(12, 5) == batch.view.view(12, 5)[:, :1]).all()


def test_training_sees_all_training_views_and_no_other(root: Path, cache: Path) -> None:
    store = open_store(root, cache)
    views = draw(store, [0, 1, 2], 200, 1, 0.0).view
    assert set(views.tolist()) == set((~store.is_held_out).nonzero().flatten().tolist())


def test_the_same_generator_draws_the_same_batch(root: Path, cache: Path) -> None:
    store = open_store(root, cache)
    first, same, other = (draw(store, [0, 1], 3, 7, 0.5, seed) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, same, strict=True))
    assert not torch.equal(first.colors, other.colors)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_foreground_is_kept(root: Path, cache: Path, share: float) -> None:
    batch = draw(open_store(root, cache), [0, 1, 2], 40, 200, share)
    found = (batch.colors < 250 / 255).any(-1).float().mean()
    assert found.item() == pytest.approx(share + (1 - share) / 4, abs=0.015)  # a quarter of each picture, drawn evenly


def test_empty_views_are_drawn_evenly(root: Path, cache: Path) -> None:
    white = np.full((16, 16, 3), 255, dtype=np.uint8)
    for file in (root / "cars_train" / "scene_1" / "rgb").iterdir():
        write_picture(file, white)
    batch = draw(open_store(root, cache), [0, 1], 10, 50, 1.0)
    assert (batch.colors[:500] < 250 / 255).any(-1).all() and (batch.colors[500:] == 1).all()
    assert len(batch.directions[500:].unique(dim=0)) > 200
    for scene in (0, 2):
        for file in (root / "cars_train" / f"scene_{scene}" / "rgb").iterdir():
            write_picture(file, white)
    assert (draw(open_store(root, cache), [0, 1, 2], 4, 8, 1.0).colors == 1).all()


def test_scenes_stay_in_the_file_without_a_gpu(root: Path, cache: Path) -> None:
    store = open_store(root, cache)
    assert store.resident("cpu") is False
    assert store.images.device.type == "cpu"


@pytest.mark.gpu
def test_a_gpu_draws_what_the_views_show(root: Path, cache: Path) -> None:
    store, resident = open_store(root, cache), open_store(root, cache)
    assert resident.resident("cuda") is True
    batch = draw(resident, [2, 0], 3, 50, 0.5)
    assert all(values.device.type == "cuda" for values in batch)
    shown = store.images.flatten(0, 2).unique(dim=0).float() / 255.0
    assert set(map(tuple, batch.colors.cpu().tolist())) <= set(map(tuple, shown.tolist()))
    assert torch.equal(store.scene_of_view[batch.view.cpu()].unique(), torch.tensor([0, 2]))
    np.testing.assert_array_equal(resident.view(4)[0], store.view(4)[0])


@pytest.mark.skipif(not (SHARED / "real_data/chairs_srn").is_dir(), reason="no chairs_srn; set MNIF_SHARED")
def test_silhouettes_of_real_chairs_agree_between_views(cache: Path) -> None:
    """A ray that meets the chair in one view passes a point on the chair in all views: the cameras are right."""
    store = SceneStore.open(list_instances(SHARED / "real_data/chairs_srn", None, "train")[:4], 3, cache)
    assert store.images.shape == (96, 128, 128, 3) and store.camera_distance == pytest.approx(1.3, abs=1e-3)
    assert store.images[:, 0, 0].float().mean() > 250
    inside = torch.zeros(96, 128 * 128, dtype=torch.bool)
    views = torch.arange(96).repeat_interleave(store.foreground_offsets.diff())
    inside[views, store.foreground.long()] = True
    batch = draw(store, range(4), 8, 16, 1.0)
    depths = torch.linspace(0.7, 1.9, 241)
    points = (batch.origins[:, None] + (batch.directions * batch.directions_norm)[:, None] * depths[:, None]).view(
        4, -1, 3
    )
    for scene in range(4):
        on_chair = torch.ones(len(points[scene]), dtype=torch.bool)
        for view in range(24 * scene, 24 * scene + 24):
            rotation, center = store.camera_to_worlds[view].split([3, 1], dim=1)
            x, y, z = ((points[scene] - center[:, 0]) @ rotation).unbind(-1)
            fx, fy, cx, cy = store.intrinsics[view]
            column, row = (cx - fx * x / z).long().clamp(0, 127), (cy + fy * y / z).long().clamp(0, 127)
            on_chair &= inside[view, row * 128 + column]
        assert on_chair.view(-1, len(depths)).any(-1).float().mean() > 0.9
