"""The demonstration set: procedural cars in the layout of SRN Cars, ray-cast once, so nothing has to be downloaded.

Layout and cameras follow SRN (Sitzmann et al. 2019): `cars_train/<car>/{rgb,pose,intrinsics.txt}`, distance 1.3,
focal length 131.25 at 128 pixels, camera-to-world poses in OpenCV axes, world z up, white background.
"""

from __future__ import annotations

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mnif_core.data.demo.car_shapes import car_mesh, sample_paint, sample_shape
from mnif_core.data.srn_writer import sample_poses, write_instance
from mnif_core.errors import ConfigError, DataError
from mnif_core.files.cache_folder import cache_folder
from mnif_core.files.stored_config import parse_json
from mnif_core.rendering.cameras import spiral_opengl

VERSION = 1  # of the cars, kept in the settings beside them
"""Raise it whenever the pictures change: older sets are then made again."""
FIRST_TEST_CAR = 10_000  # cars from here on are in no training set
TEST_CARS, TEST_VIEWS = 32, 251  # cars, views of each

Split = Literal["train", "test"]

Array = NDArray[np.float64]


def default_demo_root() -> Path:
    """Where the demonstration set lies: `$MNIF_CACHE/demo_cars`, or `~/.cache/mnif-nerfstudio/demo_cars`."""
    return cache_folder() / "demo_cars"


def make_demo_test_cars() -> Path:
    """Make the demonstration set's test split where it is not yet: unseen cars from the 251 fixed views; its root."""
    root = default_demo_root().with_name("demo_cars_test")
    return make_demo_cars(root, TEST_CARS, TEST_VIEWS, split="test")


def make_demo_cars(
    root: Path, cars: int = 160, views: int = 24, size: int = 64, seed: int = 0, split: Split = "train"
) -> Path:
    """Make the demonstration set, unless `root` already holds it complete with the same settings.

    The set appears at once when it is whole. A set made with other settings, or with files missing, is replaced.

    Args:
        root: the set's own folder; it may not exist yet.
        cars: number of scenes, `cars_train/car_0000` onwards (`cars_test/car_10000`). Car i is the same in every set
            of one seed.
        views: pictures of each car, from cameras of its own spread over the upper hemisphere; in the test split from
            SRN's fixed ones.
        size: height and width of the pictures in pixels.
        seed: shapes, colours and cameras follow from it; files are identical for the same seed.
        split: `test` makes cars that are in no training set.

    Returns:
        `root`.

    Raises:
        ConfigError: a number is out of range.
        DataError: `root` holds something else than a demonstration set.
    """
    numbers = {"cars": cars, "views": views, "size": size}
    for name, value in numbers.items():
        if value < 1:
            raise ConfigError(f"{name}={value}: a demonstration set needs at least 1; choose a larger number")
    if seed < 0:
        raise ConfigError(f"seed={seed}: seeds are not negative; choose 0 or more")
    settings: dict[str, Any] = {"set": "mnif demo cars", "version": VERSION, **numbers, "seed": seed}
    if split == "test":
        settings["split"] = split
    names = _names(settings)
    if _is_complete(root, settings):
        return root
    _require_replaceable(root, settings["set"])
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as temporary:
        made = Path(temporary) / "new"

        def write(car: int) -> None:
            rng = np.random.default_rng([seed, car])
            mesh = car_mesh(sample_shape(rng), sample_paint(rng))
            poses = _test_poses(views) if split == "test" else sample_poses(rng, views)
            write_instance(made / names[car], mesh, poses, size)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in track(pool.map(write, names), f"Making demo cars, {split} split", total=cars):
                pass
        (made / "manifest.json").write_text(json.dumps(settings, indent=2) + "\n")
        if root.exists():
            os.rename(root, Path(temporary) / "old")
        try:
            os.rename(made, root)
        except OSError:
            # Another process may have finished the same set in the meantime.
            if not _is_complete(root, settings):
                raise
    return root


def _names(settings: dict[str, Any]) -> dict[int, str]:
    """Number of every car of a set, and its folder in it."""
    split = settings.get("split", "train")
    first = FIRST_TEST_CAR if split == "test" else 0
    return {car: f"cars_{split}/car_{car:04d}" for car in range(first, first + settings["cars"])}


def _test_poses(views: int) -> Array:
    poses = np.tile(np.eye(4), (views, 1, 1))
    poses[:, :3] = spiral_opengl(views).numpy() * [1.0, -1.0, -1.0, 1.0]
    return poses


def _read_manifest(root: Path) -> dict[str, Any]:
    try:
        manifest = parse_json((root / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _is_complete(root: Path, settings: dict[str, Any]) -> bool:
    """Whether `root` holds every file of the set that `settings` describe."""
    if _read_manifest(root) != settings:
        return False
    stems = {f"{view:06d}" for view in range(settings["views"])}
    for name in _names(settings).values():
        folder = root / name
        if not (folder / "intrinsics.txt").is_file():
            return False
        for name, suffix in (("rgb", ".png"), ("pose", ".txt")):
            present = set(os.listdir(folder / name)) if (folder / name).is_dir() else set()
            if not present.issuperset(stem + suffix for stem in stems):
                return False
    return True


def _require_replaceable(root: Path, name: str) -> None:
    """Refuse to replace what was not made here."""
    if not root.exists():
        return
    if not root.is_dir() or (any(root.iterdir()) and _read_manifest(root).get("set") != name):
        raise DataError(f"{root}: holds something else than a demonstration set; choose a folder that does not exist")
