"""Data sets: arrays, grids, cameras, and the cache of packed scenes."""

import contextlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from mnif_core.data.image_files import load_images
from mnif_core.data.instances import AS_WRITTEN, read_instance
from mnif_core.data.posed_views import read_posed_views
from mnif_core.data.scene_folders import list_instances
from mnif_core.data.voxel_files import load_voxels
from tests.core.data.test_posed_views import write_nerfstudio
from tests.fuzz.containers import damage_safetensors, damage_zip
from tests.fuzz.mutations import Mutation, damage_bytes, damage_json, damage_text
from tests.fuzz.subject import Subject, require
from tests.srn_fixture import write_srn

INSTANCE = "data/cars_train/scene_0"


def _images() -> Any:
    return np.random.default_rng(0).integers(0, 255, (3, 6, 5, 3), dtype=np.uint8)


def _grids() -> Any:
    grids = np.zeros((2, 8, 8, 8), bool)
    grids[:, 2:6, 1:7, 3:5] = True
    return grids


def _read_images(path: Path) -> None:
    observations = load_images(path, 8)
    _, targets = observations.observe(torch.tensor([0]))
    require(bool(torch.isfinite(targets).all()), "pixels are not finite")


def _read_voxels(path: Path) -> None:
    observations = load_voxels(path, 16)
    coordinates, _ = observations.observe(torch.tensor([0]))
    require(bool((coordinates.abs() <= 1).all()), "points lie outside the cube")


def _write_hdf5(folder: Path) -> None:
    points, values = _im_net()
    with h5py.File(folder / "all.hdf5", "w") as file:
        file.create_dataset("points_64", data=points, compression="gzip")
        file.create_dataset("values_64", data=values, compression="gzip")


def _write_pth(folder: Path) -> None:
    points, values = _im_net()
    torch.save(torch.from_numpy(points), folder / "data_points_int_train.pth")
    torch.save(torch.from_numpy(values), folder / "data_values_train.pth")


def _im_net() -> tuple[Any, Any]:
    points = np.random.default_rng(0).integers(0, 256, (2, 16384, 3)).astype(np.uint8)
    return points, (points[..., :1] > 128).astype(np.uint8)


def _write_binvox(folder: Path) -> None:
    import trimesh

    encoding = trimesh.voxel.encoding.DenseEncoding(_grids()[0])
    (folder / "a.binvox").write_bytes(trimesh.exchange.binvox.export_binvox(trimesh.voxel.VoxelGrid(encoding)))


def _write_srn(folder: Path) -> None:
    write_srn(folder / "data", scenes=2, views=3, size=8)


def _write_transforms(folder: Path) -> None:
    write_srn(folder / "srn", scenes=1, views=4, size=16)
    write_nerfstudio(folder / "srn/cars_train/scene_0", folder / "data")


def _read_instance(folder: Path) -> None:
    instance = read_instance(folder / INSTANCE)
    numbers = [*instance.camera_to_worlds.flat, *instance.intrinsics.flat]
    require(bool(np.isfinite(numbers).all()), "cameras are not finite")


def _read_views(folder: Path) -> None:
    views = read_posed_views(folder)
    numbers = np.concatenate([views.camera_to_worlds.ravel(), views.intrinsics.ravel(), [views.distance]])
    require(bool(np.isfinite(numbers).all()), "cameras are not finite")
    views.beside_the_origin()


def _write_cache(folder: Path) -> None:
    from mnif_nerfstudio.scene_cache import cached

    _write_srn(folder)
    (folder / "instances.json").write_text(json.dumps([str(p) for p in _instances(folder)]))
    (cached(_instances(folder), folder / "cache", AS_WRITTEN)).rename(folder / "cache/scenes/packed")


def _instances(folder: Path) -> list[Path]:
    return list_instances(folder / "data", None, "train")


def _read_cache(folder: Path) -> None:
    from mnif_nerfstudio.scene_cache import content_key
    from mnif_nerfstudio.scene_store import SceneStore

    instances = [Path(path) for path in json.loads((folder / "instances.json").read_text())]
    with contextlib.suppress(FileNotFoundError):
        (folder / "cache/scenes/packed").rename(folder / "cache/scenes" / content_key(instances, AS_WRITTEN))
    store = SceneStore.open(instances, 1, folder / "cache")
    batch = store.sample_pixels(torch.tensor([0, 1]), 2, 64, 0.5, torch.Generator().manual_seed(0))
    require(all(bool(torch.isfinite(part).all()) for part in batch), "rays are not finite")
    require(len(store.image_filenames) == len(store.images) == 6, "views and their names differ in number")
    require(store.scene_names == [path.name for path in instances], "scenes are called otherwise")
    store.view(5)


def _array(name: str, file: str, content: Any, damage: Mutation, read: Any) -> Subject:
    def write(folder: Path) -> None:
        (np.savez if file.endswith("z") else np.save)(folder / file, content)

    return Subject(name, write, file, damage, lambda folder: read(folder / file))


SUBJECTS = [
    _array("images npy", "images.npy", _images(), damage_bytes, _read_images),
    _array("images npz", "images.npz", _images(), damage_zip(damage_bytes), _read_images),
    _array("images of floats npy", "images.npy", _images() / 255.0, damage_bytes, _read_images),
    _array("grids npy", "voxels.npy", _grids(), damage_bytes, _read_voxels),
    _array("grids npz", "voxels.npz", _grids(), damage_zip(damage_bytes), _read_voxels),
    Subject("grids hdf5", _write_hdf5, "all.hdf5", damage_bytes, lambda f: _read_voxels(f / "all.hdf5")),
    Subject(
        "grids pth",
        _write_pth,
        "data_points_int_train.pth",
        damage_zip(damage_bytes),
        lambda folder: _read_voxels(folder / "data_points_int_train.pth"),
    ),
    Subject("grids binvox", _write_binvox, "a.binvox", damage_bytes, _read_voxels),
    Subject("srn pose", _write_srn, f"{INSTANCE}/pose/000001.txt", damage_text, _read_instance),
    Subject("srn intrinsics", _write_srn, f"{INSTANCE}/intrinsics.txt", damage_text, _read_instance),
    Subject("srn views", _write_srn, f"{INSTANCE}/intrinsics.txt", damage_text, lambda f: _read_views(f / INSTANCE)),
    Subject(
        "transforms.json", _write_transforms, "data/transforms.json", damage_json, lambda f: _read_views(f / "data")
    ),
    Subject("cache store.json", _write_cache, "cache/scenes/packed/store.json", damage_json, _read_cache),
    Subject("cache cameras", _write_cache, "cache/scenes/packed/cameras.safetensors", damage_safetensors, _read_cache),
    Subject("cache images.npy", _write_cache, "cache/scenes/packed/images.npy", damage_bytes, _read_cache),
    Subject("cache foreground.npy", _write_cache, "cache/scenes/packed/foreground.npy", damage_bytes, _read_cache),
]
