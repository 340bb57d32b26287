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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from mnif_core.demo.car_shapes import CarMesh, car_mesh, sample_paint, sample_shape
from mnif_core.errors import ConfigError, DataError

VERSION = 1
"""Raise it whenever the pictures change: older sets are then made again."""
DISTANCE = 1.3
FOCAL_SHARE = 131.25 / 128
MAX_ELEVATION = 80.0
SUPERSAMPLING = 2
LIGHT = np.array([0.40, 0.55, 0.73])
AMBIENT, DIFFUSE, SKY = 0.52, 0.34, 0.14

Array = NDArray[np.float64]


def default_demo_root() -> Path:
    """Where the demonstration set lies: `$MNIF_CACHE/demo_cars`, or `~/.cache/mnif-nerfstudio/demo_cars`."""
    cache = os.environ.get("MNIF_CACHE")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache" / "mnif-nerfstudio") / "demo_cars"


def make_demo_cars(root: Path, cars: int = 160, views: int = 24, size: int = 64, seed: int = 0) -> Path:
    """Make the demonstration set, unless `root` already holds it complete with the same settings.

    The set appears at once when it is whole. A set made with other settings, or with files missing, is replaced.

    Args:
        root: the set's own folder; it may not exist yet.
        cars: number of scenes, `cars_train/car_0000` onwards. Car i is the same in every set of one seed.
        views: pictures of each car, from cameras spread over the upper hemisphere.
        size: height and width of the pictures in pixels.
        seed: shapes, colours and cameras follow from it; files are identical for the same seed.

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
    if _is_complete(root, settings):
        return root
    _require_replaceable(root, settings["set"])
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as temporary:
        made = Path(temporary) / "new"

        def write(car: int) -> None:
            _write_car(made / "cars_train" / f"car_{car:04d}", np.random.default_rng([seed, car]), views, size)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in track(pool.map(write, range(cars)), "Making demo cars", total=cars):
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


def look_at_origin(azimuth: float, elevation: float) -> Array:
    """Camera-to-world matrix `[4, 4]` in OpenCV axes (x right, y down, z forward) at distance 1.3; radians."""
    backward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    pose = np.eye(4)
    pose[:3] = np.column_stack([right, np.cross(right, backward), -backward, DISTANCE * backward])
    return pose


def sample_poses(rng: np.random.Generator, views: int) -> Array:
    """Poses `[views, 4, 4]`: every azimuth and elevation sector is met once, in random pairs."""
    azimuth = (np.arange(views) + rng.uniform(size=views)) / views * 2 * np.pi
    elevation = (rng.permutation(views) + rng.uniform(size=views)) / views * np.radians(MAX_ELEVATION)
    return np.stack([look_at_origin(a, e) for a, e in zip(azimuth, elevation, strict=True)])


def render_views(mesh: CarMesh, poses: Array, size: int) -> NDArray[np.uint8]:
    """Ray-cast a mesh from `poses` `[views, 4, 4]` on white: `[views, size, size, 3]`, Lambert shaded, smooth edges."""
    import open3d  # costs seconds and hundreds of megabytes: only those who make a set pay

    tensor = open3d.core.Tensor.from_numpy
    scene = open3d.t.geometry.RaycastingScene()
    vertices, triangles = mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32)
    scene.add_triangles(tensor(vertices), tensor(triangles))
    offsets = (np.arange(size * SUPERSAMPLING) + 0.5) / (size * SUPERSAMPLING) - 0.5
    right, down = np.meshgrid(offsets / FOCAL_SHARE, offsets / FOCAL_SHARE)
    directions = np.stack([right, down, np.ones_like(right)], -1).astype(np.float32)
    directions = directions.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3)
    shaded = _shade(mesh)
    box = np.stack(np.meshgrid(*np.stack([mesh.vertices.min(0), mesh.vertices.max(0)], -1)), -1).reshape(8, 3)
    images = np.full((len(poses), size, size, 3), 255, np.uint8)
    for image, pose in zip(images, poses, strict=True):
        window = _window(box, pose, size)
        local = directions[window[0], :, window[1]]
        rays = np.empty((local.size // 3, 6), np.float32)
        rays[:, :3], rays[:, 3:] = pose[:3, 3], local.reshape(-1, 3) @ pose[:3, :3].T.astype(np.float32)
        hits = scene.cast_rays(tensor(rays), nthreads=1)
        triangle = hits["primitive_ids"].numpy()
        seen = np.flatnonzero(triangle != scene.INVALID_ID)
        second, third = hits["primitive_uvs"].numpy()[seen].T[..., None]
        first, to_second, to_third = shaded[:, triangle[seen]]
        colours = np.ones(local.shape, np.float32)
        colours.reshape(-1, 3)[seen] = first + second * to_second + third * to_third
        # Slices are summed one by one: `mean` over two short axes takes three times as long.
        total = sum(colours[:, i, :, j] for i in range(SUPERSAMPLING) for j in range(SUPERSAMPLING))
        image[window] = np.round(total * (255 / SUPERSAMPLING**2))
    return images


def _window(box: Array, pose: Array, size: int) -> tuple[slice, slice]:
    """Rows and columns that a box, given by its corners, can cover: the empty rest of a picture costs no rays."""
    x, y, z = ((box - pose[:3, 3]) @ pose[:3, :3]).T
    pixels = (np.stack([y / z, x / z]) * FOCAL_SHARE + 0.5) * size
    low, high = np.clip(np.stack([np.floor(pixels.min(1)), np.ceil(pixels.max(1))]), 0, size).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _shade(mesh: CarMesh) -> NDArray[np.float32]:
    """Colours under a fixed light, `[3, triangles, 3]`: at the first corner, and what the other two differ by."""
    lambert = np.clip(mesh.normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    brightness = AMBIENT + DIFFUSE * lambert + SKY * (mesh.normals[:, 2] + 1) / 2
    corners = mesh.colours * brightness[mesh.triangles.T][..., None]
    corners[1:] -= corners[0]
    return corners.astype(np.float32)


def _write_car(folder: Path, rng: np.random.Generator, views: int, size: int) -> None:
    mesh = car_mesh(sample_shape(rng), sample_paint(rng))
    poses = sample_poses(rng, views)
    for name in ("rgb", "pose"):
        (folder / name).mkdir(parents=True)
    for view, (image, pose) in enumerate(zip(render_views(mesh, poses, size), poses, strict=True)):
        Image.fromarray(image).save(folder / "rgb" / f"{view:06d}.png")
        (folder / "pose" / f"{view:06d}.txt").write_text(" ".join(map(str, pose.ravel().tolist())) + "\n")
    centre = size / 2
    (folder / "intrinsics.txt").write_text(
        f"{FOCAL_SHARE * size:.6f} {centre:.6f} {centre:.6f} 0.\n0. 0. 0.\n1.\n{size} {size}\n"
    )


def _read_manifest(root: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((root / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _is_complete(root: Path, settings: dict[str, Any]) -> bool:
    """Whether `root` holds every file of the set that `settings` describe."""
    if _read_manifest(root) != settings:
        return False
    stems = {f"{view:06d}" for view in range(settings["views"])}
    for car in range(settings["cars"]):
        folder = root / "cars_train" / f"car_{car:04d}"
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
