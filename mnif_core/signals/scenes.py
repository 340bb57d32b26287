"""Radiance fields seen by pinhole cameras: coordinates [x, y, z] -> [red, green, blue, density] (paper A.2.3).

Shape letters: s scenes, r rays of a scene, z samples along a ray, v views.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from mnif_core.files.stored_config import Between, NotNegative, Pixels, Positive
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.cameras import CameraReading, look_at_origin_opengl, pixel_directions
from mnif_core.rendering.losses import RenderingLoss
from mnif_core.rendering.occupancy import Occupancy
from mnif_core.rendering.volume import (
    RenderedRays,
    composite,
    elu_density,
    elu_slope,
    sample_depths,
    sample_distances,
    softplus_density,
    softplus_slope,
)

DENSITIES: dict[str, Callable[[Tensor], Tensor]] = {"elu": elu_density, "softplus": softplus_density}
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {"elu": elu_slope, "softplus": softplus_slope}
NEAREST = 0.05  # a camera inside the scene still needs a positive near plane
TOLERANCE = 2 / 255  # of colours, between a view with and without its empty space
CELLS = 64  # along a side of an occupancy cube
THRESHOLDS = [0.4 * 2 ** (-i / 2) for i in range(14)]  # densities up to which a cell may count as empty
MARGIN = 0.6  # of the tolerance, on test rays: other rays differ more
TEST_SIZE, TEST_VIEWS, TEST_ELEVATIONS = 16, 4, (5.0, 35.0, 70.0)  # pixels, azimuths, degrees
WORTHWHILE = 1_000_000  # samples of a scene from which on its occupancy costs less than it spares
POINTS = 1 << 17  # evaluated at once for an occupancy: bounds memory


@dataclass(frozen=True)
class SceneSignal:
    """How a field of colour and density is rendered. Defaults are the paper's for SRN Cars.

    Colours leave the network in [-1, 1] without activation and are shown in [0, 1] over white.
    """

    kind: ClassVar[str] = "scene"
    in_dim: ClassVar[int] = 3
    out_dim: ClassVar[int] = 4

    near: NotNegative = 0.8
    """Depth of the first sample along the optical axis, for a camera at `camera_distance`."""
    far: Positive = 1.8
    """Depth of the last sample."""
    camera_distance: NotNegative = 1.3
    """Distance of the data's cameras to the origin. A camera that stands nearer or farther moves near and far along."""
    samples_per_ray: Annotated[int, Between(1, 4096)] = 32
    """Samples on a ray, both ends included."""
    density: Literal["elu", "softplus"] = "elu"
    """Density activation; the paper's is `elu`."""
    height: Pixels = 128
    """Rows of a view, in pixels."""
    width: Pixels = 128
    """Columns of a view, in pixels."""
    focal: Positive = 131.25
    """Focal length in pixels."""
    held_out_views: Annotated[int, Between(0, 1 << 20)] = 0
    """Views of every training scene that training did not see, evenly spread (`split_views`)."""
    axes: str = ""
    """In which the poses of its data are written (`Axes.named`); empty for those of their format."""
    normalise: bool = False
    """Whether its data were moved to the origin and to `camera_distance`."""

    @property
    def reading(self) -> CameraReading:
        """How cameras of its data, and of others for it, are read."""
        return CameraReading.of(self.axes, self.normalise, self.camera_distance)

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
            jitter: `[s, r, z]` numbers in [0, 1) for stratified depths. None: even spacing.

        Returns:
            Colours `[s, r, 3]` (about [0, 1], not clamped), accumulation, z-depth `[s, r]` and weights `[s, r, z]`.
        """
        depths, points = self._samples(origins, directions, jitter)
        values = networks(points.flatten(1, 2)).unflatten(1, depths.shape[1:])
        return self._composite(values, depths, directions)

    def rays_error(
        self, networks: InstanceNetworks, origins: Tensor, directions: Tensor, colors: Tensor, jitter: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Mean squared error of `render_rays`, in one pass with its gradient; differentiable once, by the weights.

        Args:
            networks: one per scene.
            origins: `[s, r, 3]` in scene coordinates.
            directions: `[s, r, 3]`, z = -1 in the camera.
            colors: wanted `[s, r, 3]`, in [0, 1].
            jitter: `[s, r, z]` numbers in [0, 1) for stratified depths. None: even spacing.

        Returns:
            The error of each scene `[s]`, and the colours rendered `[s, r, 3]`, without a graph.
        """
        depths, points = self._samples(origins, directions, jitter)
        distances = sample_distances(depths, directions.norm(dim=-1))
        criterion = RenderingLoss(colors, distances, DENSITIES[self.density], SLOPES[self.density])
        return networks.loss(points.flatten(1, 2), criterion), criterion.rendered

    def depth_range(self, origins: Tensor) -> tuple[Tensor, Tensor]:
        """Depths `[...]` of the first and the last sample on rays from `origins` `[..., 3]`."""
        shift = origins.norm(dim=-1) - self.camera_distance
        near = (self.near + shift).clamp(min=NEAREST)
        return near, torch.maximum(self.far + shift, near + NEAREST)

    def _samples(self, origins: Tensor, directions: Tensor, jitter: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Depths `[..., z]` and points `[..., z, 3]` on rays `[..., 3]`."""
        depths = sample_depths(*self.depth_range(origins), self.samples_per_ray, jitter)
        return depths, origins.unsqueeze(-2) + directions.unsqueeze(-2) * depths.unsqueeze(-1)

    def _composite(
        self, values: Tensor, depths: Tensor, directions: Tensor, filled: Tensor | None = None
    ) -> RenderedRays:
        """Compose values `[..., z, 4]` at `depths` `[..., z]`; where `filled` `[..., z]` is false there is nothing."""
        density = DENSITIES[self.density](values[..., 3])
        if filled is not None:
            density = density * filled
        rendered = composite(values[..., :3], density, depths, directions.norm(dim=-1))
        return rendered._replace(color=rendered.color * 0.5 + 0.5)

    def render_filled(
        self, networks: InstanceNetworks, occupancy: Occupancy, origins: Tensor, directions: Tensor
    ) -> RenderedRays:
        """Render rays of one scene without evaluating its empty space.

        Colours equal those of `render_rays` within the tolerance of the occupancy. Rays that miss the box of filled
        cells cost nothing.

        Args:
            networks: of one scene.
            occupancy: of the same scene.
            origins: `[r, 3]` in scene coordinates.
            directions: `[r, 3]`, z = -1 in the camera.

        Returns:
            As `render_rays`, without the dimension of scenes.
        """
        crossing = occupancy.crosses(origins, directions).nonzero()[:, 0]
        depths, points = self._samples(origins[crossing], directions[crossing])
        filled = occupancy.contains(points)
        values = points.new_zeros(*filled.shape, 4)
        values[filled] = networks(points[filled].unsqueeze(0))[0]
        seen = self._composite(values, depths, directions[crossing], filled)
        rays = len(origins)
        nothing = RenderedRays(
            color=origins.new_ones(rays, 3),
            accumulation=origins.new_zeros(rays),
            depth=origins.new_zeros(rays),
            weights=origins.new_zeros(rays, self.samples_per_ray),
        )
        return RenderedRays(*(blank.index_copy(0, crossing, part) for blank, part in zip(nothing, seen, strict=True)))

    @torch.no_grad()
    def occupancy(self, networks: InstanceNetworks, tolerance: float = TOLERANCE) -> Occupancy:
        """Find where a scene is empty, once for all views of it; costs as much as 0.3 million samples.

        A trained field is nowhere quite empty, so what counts as empty is judged by what it does to pictures: all
        cells up to the highest density at which no colour of test rays from all sides changes by more than
        `MARGIN` of the tolerance.

        Args:
            networks: of one scene.
            tolerance: of colours in [0, 1], for the data's cameras.
        """
        device = networks.weights[0].device
        corner = math.hypot(self.width, self.height) / (2.0 * self.focal)
        reach = math.hypot(self.far * corner, self.far - self.camera_distance)
        axis = torch.linspace(-reach, reach, CELLS + 1, device=device)
        corners = torch.cartesian_prod(axis, axis, axis)
        density = DENSITIES[self.density](networks.evaluate(corners, POINTS)[0, :, 3]).view(3 * [CELLS + 1])
        cameras = torch.cat([self.orbit(TEST_VIEWS, elevation) for elevation in TEST_ELEVATIONS]).to(device)
        directions = torch.stack([self._rays(camera, None, TEST_SIZE, TEST_SIZE) for camera in cameras])
        depths, points = self._samples(cameras[:, None, :, 3].expand_as(directions), directions)
        values = networks.evaluate(points.view(-1, 3), POINTS)[0].view(*depths.shape, 4)
        exact = self._composite(values, depths, directions).color
        for threshold in THRESHOLDS:
            occupancy = Occupancy.above(threshold, density, reach)
            color = self._composite(values, depths, directions, occupancy.contains(points)).color
            if float((color - exact).abs().max()) <= MARGIN * tolerance:
                return occupancy
        return Occupancy.above(-1.0, density, reach)

    def _rays(self, camera_to_world: Tensor, intrinsics: Tensor | None, height: int, width: int) -> Tensor:
        """Directions `[height * width, 3]` through the pixels of a camera, row by row."""
        device = camera_to_world.device
        if intrinsics is None:
            focal = self.focal * height / self.height
            intrinsics = torch.tensor([focal, focal, width / 2, height / 2])
        rows, columns = torch.meshgrid(
            torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
        )
        pixels = torch.stack([rows, columns], dim=-1).view(-1, 2)
        return pixel_directions(pixels, intrinsics.to(device), camera_to_world)

    @torch.no_grad()
    def render_view(
        self,
        networks: InstanceNetworks,
        camera_to_world: Tensor,
        intrinsics: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
        rays_per_chunk: int = 4096,
        occupancies: Sequence[Occupancy] | None = None,
    ) -> RenderedRays:
        """Render one camera's whole picture of each scene.

        Args:
            networks: one per scene.
            camera_to_world: `[3, 4]`, OpenGL axes.
            intrinsics: `[4]` fx, fy, cx, cy in pixels. None: the data's, scaled to the height asked for.
            height: rows. None: the data's.
            width: columns. None: the data's.
            rays_per_chunk: rays evaluated at once over all scenes, which bounds memory.
            occupancies: of each scene, to leave out empty space; none to evaluate every sample.

        Returns:
            Colours `[s, height, width, 3]` in [0, 1]; accumulation and z-depth `[s, height, width]`; weights.
        """
        height, width = height or self.height, width or self.width
        camera_to_world = camera_to_world.to(networks.weights[0].device)
        directions = self._rays(camera_to_world, intrinsics, height, width)
        scenes = networks.num_instances
        chunks = []
        for chunk in directions.split(max(1, rays_per_chunk // scenes)):
            origins = camera_to_world[:, 3].expand_as(chunk)
            if occupancies is None:
                shape = (scenes, *chunk.shape)
                chunks.append(self.render_rays(networks, origins.expand(shape), chunk.expand(shape)))
            else:
                each = [self.render_filled(networks[i], occupancies[i], origins, chunk) for i in range(scenes)]
                chunks.append(RenderedRays(*(torch.stack(parts) for parts in zip(*each, strict=True))))
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
        return look_at_origin_opengl(azimuths, math.radians(elevation), self.camera_distance)

    def decode(self, networks: InstanceNetworks, views: int = 4) -> Tensor:
        """Pictures of each scene from an orbit: `[s, v, height, width, 3]` in [0, 1].

        Empty space is left out where that spares more than finding it costs; see `occupancy` for the tolerance.
        """
        samples = views * self.height * self.width * self.samples_per_ray
        occupancies = None
        if samples > WORTHWHILE:
            occupancies = [self.occupancy(networks[i]) for i in range(networks.num_instances)]
        pictures = [self.render_view(networks, camera, occupancies=occupancies).color for camera in self.orbit(views)]
        return torch.stack(pictures, dim=1)
