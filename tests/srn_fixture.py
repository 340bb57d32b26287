"""Small sets of scenes in SRN layout: cameras on a sphere around a square of noise on white."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DISTANCE = 1.3


def write_srn(
    root: Path,
    scenes: int = 3,
    views: int = 6,
    size: int = 16,
    width: int | None = None,
    center: tuple[float, float] | None = None,
) -> Path:
    """Write `root/cars_train/scene_<number>` with `views` pictures of `size` rows and `width` columns (or square).

    The middle quarter of each picture is noise darker than 250, which tells pixels and views apart; the rest is white.
    `center` is the principal point (cx, cy), in the middle unless given. Returns `root`.
    """
    width = width or size
    cx, cy = center or (width / 2, size / 2)
    rng = np.random.default_rng(0)
    for scene in range(scenes):
        folder = root / "cars_train" / f"scene_{scene}"
        (folder / "rgb").mkdir(parents=True)
        (folder / "pose").mkdir()
        (folder / "intrinsics.txt").write_text(f"{1.025 * size} {cx} {cy} 0.\n0. 0. 0.\n1.\n{size} {width}\n")
        for view in range(views):
            write_picture(folder / "rgb" / f"{view:06d}.png", noise_on_white(size, width, rng))
            pose = look_at_origin(2 * np.pi * (view + 0.3 * scene) / views, 0.2 + 0.1 * view)
            (folder / "pose" / f"{view:06d}.txt").write_text(" ".join(f"{number:.9f}" for number in pose.flatten()))
    return root


def noise_on_white(height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """White `[height, width, 3]` with noise in the middle quarter."""
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    rows, columns = slice(height // 4, 3 * height // 4), slice(width // 4, 3 * width // 4)
    picture[rows, columns] = rng.integers(0, 250, picture[rows, columns].shape)
    return picture


def write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Save pixels `[height, width, 3 or 4]`."""
    Image.fromarray(pixels).save(path)


def look_at_origin(azimuth: float, elevation: float, distance: float = DISTANCE) -> NDArray[np.float64]:
    """Camera-to-world `[4, 4]` in OpenCV axes (x right, y down, z forward) in a world with z up; angles in radians."""
    outward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    forward = -outward
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(forward, right), forward, distance * outward], axis=1)
    return pose
