"""Radiance fields seen by pinhole cameras: coordinates [x, y, z] -> [red, green, blue, density] (paper A.2.3).

Shape letters: s scenes, r rays of a scene, n samples on a ray, v views.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mnif_core.instance_networks import InstanceNetworks
from mnif_core.rendering import (
    RenderedRays,
    composite,
    elu_density,
    pixel_directions,
    sample_depths,
    softplus_density,
)

DENSITIES: dict[str, Callable[[Tensor], Tensor]] = {"elu": elu_density, "softplus": softplus_density}
NEAREST = 0.05  # a camera inside the scene still needs a positive near plane


@dataclass(frozen=True)
class SceneSignal:
    """How a field of colour and density is rendered. Defaults are the paper's for SRN Cars.

    Colours leave the network in [-1, 1] without activation and are shown in [0, 1] over white.
    """

    kind: ClassVar[str] = "scene"

    near: float = 0.8
    """Depth of the first sample along the optical axis, for a camera at `camera_distance`."""
    far: float = 1.8
    """Depth of the last sample."""
    camera_distance: float = 1.3
    """Distance of the data's cameras to the origin. A camera that stands nearer or farther moves near and far along."""
    samples_per_ray: int = 32
    """Samples on a ray, both ends included."""
    density: Literal["elu", "softplus"] = "elu"
    """Density activation; the paper's is `elu`."""
    height: int = 128
    """Rows of a view, in pixels."""
    width: int = 128
    """Columns of a view, in pixels."""
    focal: float = 131.25
    """Focal length in pixels."""
    held_out_views: int = 0
    """Views of every training scene that training did not see, evenly spread (`split_views`)."""

    @property
    def intrinsics(self) -> Tensor:
        """fx, fy, cx, cy `[4]` in pixels, principal point in the middle."""
        return torch.tensor([self.focal, self.focal, self.width / 2, self.height / 2])

    def render_rays(
        self, networks: InstanceNetworks, origins: Tensor, directions: Tensor, jitter: Tensor | None = None
    ) -> RenderedRays:
        """Render rays of several scenes.

        Args:
            networks: one per scene.
            origins: `[s, r, 3]` in scene coordinates.
            directions: `[s, r, 3]`, z = -1 in the camera, so that depths are z-depths.
            jitter: `[s, r, n]` numbers in [0, 1) for stratified depths; none for even spacing.

        Returns:
            Colours `[s, r, 3]` (about [0, 1], not clamped), accumulation, z-depth `[s, r]` and weights `[s, r, n]`.
        """
        shift = origins.norm(dim=-1) - self.camera_distance
        near = (self.near + shift).clamp(min=NEAREST)
        far = torch.maximum(self.far + shift, near + NEAREST)
        depths = sample_depths(near, far, self.samples_per_ray, jitter)
        points = origins.unsqueeze(-2) + directions.unsqueeze(-2) * depths.unsqueeze(-1)
        values = networks(points.flatten(1, 2)).unflatten(1, depths.shape[1:])
        density = DENSITIES[self.density](values[..., 3])
        rendered = composite(values[..., :3], density, depths, directions.norm(dim=-1))
        return rendered._replace(color=rendered.color * 0.5 + 0.5)

    @torch.no_grad()
    def render_view(
        self,
        networks: InstanceNetworks,
        camera_to_world: Tensor,
        intrinsics: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
        rays_per_chunk: int = 4096,
    ) -> RenderedRays:
        """Render one camera's whole picture of each scene.

        Args:
            networks: one per scene.
            camera_to_world: `[3, 4]`, OpenGL axes.
            intrinsics: `[4]` fx, fy, cx, cy in pixels; none for the data's, scaled to the height asked for.
            height: rows; none for the data's.
            width: columns; none for the data's.
            rays_per_chunk: rays evaluated at once over all scenes, which bounds memory.

        Returns:
            Colours `[s, height, width, 3]` in [0, 1]; accumulation and z-depth `[s, height, width]`; weights.
        """
        height, width = height or self.height, width or self.width
        device = networks.weights[0].device
        if intrinsics is None:
            focal = self.focal * height / self.height
            intrinsics = torch.tensor([focal, focal, width / 2, height / 2])
        intrinsics, camera_to_world = intrinsics.to(device), camera_to_world.to(device)
        rows, columns = torch.meshgrid(
            torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
        )
        pixels = torch.stack([rows, columns], dim=-1).view(-1, 2)
        directions = pixel_directions(pixels, intrinsics, camera_to_world)
        scenes = networks.num_instances
        chunks = []
        for chunk in directions.split(max(1, rays_per_chunk // scenes)):
            chunk = chunk.expand(scenes, -1, -1)
            chunks.append(self.render_rays(networks, camera_to_world[:, 3].expand_as(chunk), chunk))
        color, accumulation, depth, weights = (
            torch.cat(parts, dim=1).unflatten(1, (height, width)) for parts in zip(*chunks, strict=True)
        )
        return RenderedRays(color.clamp(0.0, 1.0), accumulation, depth, weights)

    def orbit(self, views: int, elevation: float = 25.0, start: float = 40.0) -> Tensor:
        """Cameras on a circle around the scene: camera-to-world `[v, 3, 4]`, OpenGL axes, z up.

        Args:
            views: how many, evenly spaced.
            elevation: degrees above the horizon, below 90.
            start: azimuth of the first camera in degrees.
        """
        azimuths = torch.arange(views) * (2 * math.pi / views) + math.radians(start)
        return look_at_origin(azimuths, math.radians(elevation), self.camera_distance)

    def decode(self, networks: InstanceNetworks, views: int = 4) -> Tensor:
        """Pictures of each scene from an orbit: `[s, v, height, width, 3]` in [0, 1]."""
        pictures = [self.render_view(networks, camera).color for camera in self.orbit(views)]
        return torch.stack(pictures, dim=1)


def look_at_origin(azimuths: Tensor, elevation: float, distance: float) -> Tensor:
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
