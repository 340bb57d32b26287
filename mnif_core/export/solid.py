"""What a field says is inside: a grid of one instance, and the level at which its surface lies.

Shape letters: e cells along a side, v views, p pixels, z samples along a ray.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mnif_core.errors import ConfigError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.cameras import look_at_origin_opengl, pixel_directions
from mnif_core.rendering.volume import sample_depths
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal

POINTS_PER_CHUNK = 1 << 16  # evaluated at once: bounds memory
RESOLUTION = 128  # cells along a side of the cube
VIEWS, VIEW_SIZE = 8, 64  # pictures that judge a level, and the side of each in pixels
ELEVATIONS = (0.2, 0.8)  # radians, in turn, of the views that judge a level
LEVELS = torch.linspace(0.02, 0.98, 49)  # opacities of a step, among which a surface is looked for
SMALLEST_PIECE = 0.01  # of the largest one's cells; smaller ones float


@dataclass(frozen=True)
class Solid:
    """One instance as a grid over a cube around the origin."""

    occupancy: NDArray[np.float32]
    """`[e, e, e]` in [0, 1]; cell i's centre has coordinate half_side ((2 i + 1) / e - 1)."""
    level: float
    """Inside is above it."""
    half_side: float
    """Of the cube, in the data's units."""

    def cleaned(self) -> "Solid":
        """Without pieces below 1 % of the largest one, and without cavities that nothing outside sees.

        Raises:
            ConfigError: nothing is inside.
        """
        from scipy.ndimage import binary_fill_holes, label

        inside = self.occupancy > self.level
        if not inside.any():
            raise ConfigError("nothing of this instance is solid; choose another one")
        pieces, _ = label(inside)
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        kept = (sizes >= SMALLEST_PIECE * sizes.max())[pieces] & inside
        filled = binary_fill_holes(kept)
        occupancy = np.where(filled & ~kept, 1.0, np.where(inside & ~kept, 0.0, self.occupancy))
        return Solid(occupancy.astype(np.float32), self.level, self.half_side)


def solid_of(signal: Signal, network: InstanceNetworks, resolution: int | None = None) -> Solid:
    """The solid that one instance is, at `resolution` cells a side (None: 128).

    Raises:
        ConfigError: its kind has nothing solid, the resolution is below 2, or nothing of the instance is solid.
    """
    resolution = RESOLUTION if resolution is None else resolution
    if resolution < 2:
        raise ConfigError(f"a grid of {resolution} cells a side has no surface; choose 2 or more")
    if signal.kind not in SOLIDS:
        raise ConfigError(f"a field of {signal.noun}s has nothing solid; mnif sample writes its pictures")
    return SOLIDS[signal.kind](signal, network, resolution).cleaned()


def _solid_of_grid(signal: VoxelSignal, network: InstanceNetworks, resolution: int) -> Solid:
    return Solid(signal.decode(network, resolution)[0].cpu().numpy(), 0.5, 0.5)


def _solid_of_scene(signal: SceneSignal, network: InstanceNetworks, resolution: int) -> Solid:
    opacity = _opacity(signal, network, resolution)
    return Solid(opacity.cpu().numpy(), _level(signal, network, opacity), signal.half_side)


SOLIDS: dict[str, Callable[[Any, InstanceNetworks, int], Solid]] = {"voxel": _solid_of_grid, "scene": _solid_of_scene}
"""Kind of signal -> `(signal, network of one instance, resolution) -> solid`; others have nothing solid."""


@torch.no_grad()
def _opacity(signal: SceneSignal, network: InstanceNetworks, resolution: int) -> Tensor:
    """What a ray loses in each cell over the renderer's own spacing: `[e, e, e]` in [0, 1]."""
    centres = (VoxelSignal(resolution).grid() * signal.half_side).to(network.weights[0].device)
    parts = []
    for points in centres.split(resolution**2):
        density = signal.density_at(points, network.evaluate(points, POINTS_PER_CHUNK)[0, :, 3])
        parts.append(-torch.expm1(-density * signal.spacing))
    return torch.cat(parts).view(resolution, resolution, resolution)


def _level(signal: SceneSignal, network: InstanceNetworks, opacity: Tensor) -> float:
    """The level whose silhouette agrees best, by intersection over union, with where the renderer is opaque.

    A ray meets a level's surface where the highest opacity along it is above that level.

    Raises:
        ConfigError: the renderer shows nothing.
    """
    cameras = [
        look_at_origin_opengl(
            torch.tensor([2 * torch.pi * view / VIEWS]), ELEVATIONS[view % 2], signal.camera_distance
        )[0]
        for view in range(VIEWS)
    ]
    seen, highest = [], []
    for camera in cameras:
        rendered = signal.render_view(network, camera, height=VIEW_SIZE, width=VIEW_SIZE)
        seen.append(rendered.accumulation.flatten() > 0.5)
        highest.append(_highest_along_rays(signal, opacity, camera.to(opacity.device)))
    truth, peaks = torch.cat(seen), torch.cat(highest)
    if not truth.any():
        raise ConfigError("nothing of this instance is solid; choose another one")
    silhouettes = peaks > LEVELS.to(peaks.device).unsqueeze(1)
    overlap = (silhouettes & truth).sum(1) / (silhouettes | truth).sum(1)
    return float(LEVELS[overlap.argmax().cpu()])


def _highest_along_rays(signal: SceneSignal, opacity: Tensor, camera: Tensor) -> Tensor:
    """Highest opacity that each ray of a camera meets, `[p]`, interpolated as marching cubes does."""
    device = opacity.device
    rows = torch.arange(VIEW_SIZE, device=device)
    pixels = torch.stack(torch.meshgrid(rows, rows, indexing="ij"), dim=-1).view(-1, 2)
    focal = signal.focal * VIEW_SIZE / signal.height
    intrinsics = torch.tensor([focal, focal, VIEW_SIZE / 2, VIEW_SIZE / 2], device=device)
    directions = pixel_directions(pixels, intrinsics, camera)
    ends = signal.depth_range(camera[:, 3].expand_as(directions), directions)
    depths = sample_depths(*ends, 2 * len(opacity))
    points = (camera[:, 3] + directions.unsqueeze(1) * depths.unsqueeze(-1)) / signal.half_side
    # grid_sample reads the last axis first; outside the cube it reads 0
    values = functional.grid_sample(opacity[None, None], points.flip(-1)[None, None], align_corners=False)
    return values[0, 0, 0].amax(-1)
