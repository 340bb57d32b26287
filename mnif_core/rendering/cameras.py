"""All cameras: poses that look at the origin, directions through pixels, how the cameras of a set are to be read.

Names end in the axes of a camera: `opencv` (x right, y down, z forward) or `opengl` (x right, y up, looking along -z).
Worlds have z up. Shape letters: v views, r rays, p points.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Axis = Literal["x", "y", "z"]

NEAREST = 0.05  # depth of the nearest sample: a camera inside a scene still needs a positive near plane
NORMAL_DISTANCE = 1.3  # world units from the origin, of SRN's cameras and of normalised ones
VIEWS = 251  # of SRN's test splits
TURN = 20.0  # radians, of the spiral that they follow


@dataclass(frozen=True)
class CameraReading:
    """How the cameras of a set are to be read.

    Attributes:
        axes: a name that `mnif_core.data.camera_axes.Axes.named` knows; empty for those of the file's format.
        distance: to move the centre that the cameras look at to the origin, and the cameras as far from it; none to
            leave the world as it is.
    """

    axes: str = ""
    distance: float | None = None

    @classmethod
    def of(cls, axes: str, normalise: bool, distance: float = NORMAL_DISTANCE) -> "CameraReading":
        """As the options `--axes` and `--normalise` say; `distance` is that of normalised cameras."""
        return cls(axes, distance if normalise else None)


def pixel_directions(pixels: Tensor, intrinsics: Tensor, camera_to_world: Tensor) -> Tensor:
    """Directions through pixel centres, z = -1 in the camera, not normalised (OpenGL axes).

    Args:
        pixels: `[r, 2]` (row, column).
        intrinsics: `[r, 4]` or `[4]`: fx, fy, cx, cy in pixels.
        camera_to_world: `[r, 3, 4]` or `[3, 4]`.

    Returns:
        `[r, 3]` in world axes.
    """
    fx, fy, cx, cy = intrinsics.unbind(-1)
    x = (pixels[..., 1] + 0.5 - cx) / fx
    y = -(pixels[..., 0] + 0.5 - cy) / fy
    in_camera = torch.stack([x, y, -torch.ones_like(x)], dim=-1)
    return (camera_to_world[..., :3] @ in_camera.unsqueeze(-1)).squeeze(-1)


def project(points: Tensor, camera_to_world: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where cameras show points: rows and columns, a pixel's first edge at its own number, and z-depth, all `[..., p]`.

    Rows and columns of points nearer than `NEAREST`, or behind the camera, are those of no place.

    Args:
        points: `[..., p, 3]` in world axes.
        camera_to_world: `[..., 3, 4]`, OpenGL axes.
        intrinsics: `[..., 4]`: fx, fy, cx, cy in pixels.
    """
    x, y, z = ((points - camera_to_world[..., None, :, 3]) @ camera_to_world[..., :3]).unbind(-1)
    fx, fy, cx, cy = intrinsics.unsqueeze(-2).unbind(-1)
    ahead = (-z).clamp(min=NEAREST)
    return cy - fy * y / ahead, fx * x / ahead + cx, -z


def pixels_showing(
    points: Tensor, camera_to_world: Tensor, intrinsics: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows and columns of the pixels that show points, and whether the picture does show them, all `[..., p]`.

    Args:
        points: as those after it, see `project`.
        camera_to_world: poses.
        intrinsics: of the cameras.
        height: rows of a picture.
        width: columns of a picture.
    """
    rows, columns, depth = project(points, camera_to_world, intrinsics)
    row, column = rows.floor().long(), columns.floor().long()
    return row, column, (depth > NEAREST) & (row >= 0) & (row < height) & (column >= 0) & (column < width)


def look_at_origin_opengl(azimuths: Tensor, elevation: float, distance: float) -> Tensor:
    """Cameras that look at the origin, z up.

    Args:
        azimuths: `[v]` in radians, from the x axis.
        elevation: radians above the horizon, below pi/2.
        distance: from the origin.

    Returns:
        Camera-to-world `[v, 3, 4]`, OpenGL axes (x right, y up, looking along -z).
    """
    flat = math.cos(elevation)
    backward = torch.stack(
        [flat * azimuths.cos(), flat * azimuths.sin(), torch.full_like(azimuths, math.sin(elevation))], dim=-1
    )
    right = torch.stack([-azimuths.sin(), azimuths.cos(), torch.zeros_like(azimuths)], dim=-1)
    up = torch.linalg.cross(backward, right)
    return torch.stack([right, up, backward, distance * backward], dim=-1)


def spiral_opengl(views: int = VIEWS, distance: float = NORMAL_DISTANCE) -> Tensor:
    """The fixed cameras of SRN's test splits (Sitzmann et al. 2019): on a spiral from the equator to the pole.

    Read off the data: elevation rises evenly from 0 to 90 degrees, azimuth falls evenly from 20 rad to 0.

    Returns:
        Camera-to-world `[views, 3, 4]`, OpenGL axes; 251 are the data's own, fewer are evenly spread. The last looks
        straight down, where the direction of up is a matter of taste: the data turn it a quarter further.
    """
    way = torch.linspace(0.0, 1.0, views, dtype=torch.float64)
    azimuth, elevation = TURN * (1.0 - way), math.pi / 2 * way
    flat = elevation.cos()
    backward = torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), elevation.sin()], dim=-1)
    right = torch.stack([-azimuth.sin(), azimuth.cos(), torch.zeros_like(azimuth)], dim=-1)
    poses = torch.stack([right, torch.linalg.cross(backward, right), backward, distance * backward], dim=-1)
    return poses.float()


def look_at_origin_opencv(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Camera-to-world matrix `[4, 4]` in OpenCV axes (x right, y down, z forward) at the usual distance; radians."""
    backward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    pose = np.eye(4)
    pose[:3] = np.column_stack([right, np.cross(right, backward), -backward, NORMAL_DISTANCE * backward])
    return pose
