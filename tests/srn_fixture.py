"""Small sets in SRN layout."""

from pathlib import Path

import numpy as np
from PIL import Image


def look_at(azimuth: float, elevation: float, distance: float = 1.3) -> np.ndarray:
    """Camera-to-world `[4, 4]` in OpenCV axes (x right, y down, z forward), looking at the origin, z up."""
    out = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    down = np.cross(-out, right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, down, -out, distance * out], axis=1)
    return pose


def write_instance(folder: Path, views: int = 6, size: int = 16, seed: int = 0) -> Path:
    """One instance: white pictures with a coloured square whose place depends on the view."""
    rng = np.random.default_rng(seed)
    for name in ("rgb", "pose"):
        (folder / name).mkdir(parents=True)
    color = rng.integers(0, 200, 3)
    for view in range(views):
        picture = np.full((size, size, 3), 255, np.uint8)
        picture[view % 8 : view % 8 + 4, 3:9] = color
        Image.fromarray(picture).save(folder / "rgb" / f"{view:06d}.png")
        pose = look_at(view, 0.1 + 0.1 * view)
        (folder / "pose" / f"{view:06d}.txt").write_text(" ".join(map(str, pose.ravel())))
    (folder / "intrinsics.txt").write_text(
        f"{131.25 * size / 128} {size / 2} {size / 2} 0.\n0. 0. 0.\n1.\n{size} {size}\n"
    )
    return folder


def write_srn(root: Path, scenes: int = 3, views: int = 6, size: int = 16) -> Path:
    """`root/cars_train/car_<n>`; returns `root`."""
    for scene in range(scenes):
        write_instance(root / "cars_train" / f"car_{scene}", views, size, seed=scene)
    return root
