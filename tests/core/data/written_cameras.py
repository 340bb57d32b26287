"""Cameras around an object, written in any axes, and small sets with them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnif_core.data.camera_axes import CAMERAS, WORLDS, Axes, signed_axes
from tests.srn_fixture import look_at_origin

Array = NDArray[np.float64]

SIZE, VIEWS = 16, 8
FOCAL = 1.025 * SIZE
INTRINSICS = f"{FOCAL} 8 8 0.\n0. 0. 0.\n1.\n{SIZE} {SIZE}\n"


def cameras(views: int = VIEWS, distance: float = 1.3, centre: tuple[float, float, float] = (0, 0, 0)) -> Array:
    """Camera-to-world `[views, 4, 4]` in OpenGL axes, z up, from all sides and heights."""
    poses = [look_at_origin(0.3 + 2.4 * view, 0.15 + 0.9 * view / views, distance) for view in range(views)]
    found = np.stack(poses) @ np.diag([1.0, -1.0, -1.0, 1.0])
    found[:, :3, 3] += centre
    return found


def written(opengl: Array, axes: Axes) -> Array:
    """The same cameras as somebody writes them who means `axes`."""
    matrices = np.tile(np.eye(4), (len(opengl), 1, 1))
    world = signed_axes(WORLDS[axes.up]).T
    matrices[:, :3, :3] = world @ opengl[:, :3, :3] @ signed_axes(CAMERAS[axes.camera])
    matrices[:, :3, 3] = opengl[:, :3, 3] @ world.T
    return np.linalg.inv(matrices).astype(np.float64) if axes.world_to_camera else matrices


def rolled(opengl: Array, angles: Array) -> Array:
    """The same cameras, each turned around its line of sight."""
    turns = np.tile(np.eye(4), (len(opengl), 1, 1))
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angles)
    turns[:, 0, 1], turns[:, 1, 0] = -np.sin(angles), np.sin(angles)
    return opengl @ turns


def write_scene(folder: Path, matrices: Array, intrinsics: str = INTRINSICS) -> Path:
    """Grey views with these poses, in SRN layout."""
    for name in ("rgb", "pose"):
        (folder / name).mkdir(parents=True)
    (folder / "intrinsics.txt").write_text(intrinsics)
    for view, matrix in enumerate(matrices):
        Image.new("RGB", (SIZE, SIZE), (128, 128, 20 * view)).save(folder / f"rgb/{view:03d}.png")
        (folder / f"pose/{view:03d}.txt").write_text(" ".join(f"{number:.9f}" for number in matrix.flatten()))
    return folder
