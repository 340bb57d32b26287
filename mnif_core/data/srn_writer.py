"""Meshes as scenes in SRN layout (Sitzmann et al. 2019), the counterpart of `srn_files`."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnif_core.meshes.raycast import FOCAL_SHARE, Surface, render_views
from mnif_core.rendering.cameras import look_at_origin_opencv

HIGHEST = 80.0  # degrees above and below the horizon that views are spread over

Array = NDArray[np.float64]


def sample_poses(rng: np.random.Generator, views: int, lowest: float = 0.0) -> Array:
    """Poses `[views, 4, 4]`, OpenCV axes: every azimuth and elevation sector is met once, in random pairs.

    Elevations run from `lowest` to 80 degrees.
    """
    low, high = np.radians(lowest), np.radians(HIGHEST)
    azimuth = (np.arange(views) + rng.uniform(size=views)) / views * 2 * np.pi
    elevation = (rng.permutation(views) + rng.uniform(size=views)) / views * (high - low) + low
    return np.stack([look_at_origin_opencv(a, e) for a, e in zip(azimuth, elevation, strict=True)])


def write_instance(folder: Path, mesh: Surface, poses: Array, size: int) -> None:
    """Write `rgb/`, `pose/` and `intrinsics.txt` of views of `size` pixels a side from `poses` `[views, 4, 4]`."""
    for name in ("rgb", "pose"):
        (folder / name).mkdir(parents=True)
    for view, (image, pose) in enumerate(zip(render_views(mesh, poses, size), poses, strict=True)):
        Image.fromarray(image).save(folder / "rgb" / f"{view:06d}.png")
        (folder / "pose" / f"{view:06d}.txt").write_text(" ".join(map(str, pose.ravel().tolist())) + "\n")
    centre = size / 2
    (folder / "intrinsics.txt").write_text(
        f"{FOCAL_SHARE * size:.6f} {centre:.6f} {centre:.6f} 0.\n0. 0. 0.\n1.\n{size} {size}\n"
    )
