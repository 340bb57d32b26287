"""The cache of packed scenes: made once, renewed when files change, whole or not used."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.data import instances
from mnif_core.data.instances import AS_WRITTEN
from mnif_core.data.masked_pictures import decode_view
from mnif_core.data.scene_folders import list_instances
from mnif_core.errors import DataError
from mnif_core.files.cache_folder import cache_folder
from mnif_nerfstudio import scene_cache
from mnif_nerfstudio.scene_store import SceneStore
from tests.nerfstudio.packed_scenes import draw, open_store
from tests.srn_fixture import noise_on_white, write_picture


def entries(cache: Path) -> list[Path]:
    """What the cache holds besides its lock."""
    return [path for path in (cache / "scenes").iterdir() if path.name != ".lock"]


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: Any) -> Any:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(instances, "decode_view", fail)
    monkeypatch.setattr(scene_cache, "read_instance", fail)


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
    decode = decode_view

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
        decode = decode_view
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
    decode, read = decode_view, []

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
