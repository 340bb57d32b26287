"""Rays through fields of colour and density: where they are sampled, and what they see.

Shape letters: s scenes, r rays of a scene, n samples on a ray.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from mnif_core.files.stored_config import Between, NotNegative, Positive, Share
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.box import Box, crossed, inside
from mnif_core.rendering.cameras import NEAREST
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
WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class SceneRays:
    """How rays of scenes are sampled and rendered. Defaults are the paper's for SRN Cars."""

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
    box: Box | None = None
    """What holds all scenes. Rays are sampled between its sides in place of near and far; elsewhere nothing is."""
    background: tuple[Share, Share, Share] = WHITE
    """Colour behind everything, red, green, blue in [0, 1]."""

    def render_rays(
        self, networks: InstanceNetworks, origins: Tensor, directions: Tensor, jitter: Tensor | None = None
    ) -> RenderedRays:
        """Render rays of several scenes. Those that miss the box in all of them cost nothing.

        Args:
            networks: one per scene.
            origins: `[s, r, 3]` in scene coordinates.
            directions: `[s, r, 3]`, z = -1 in the camera, so that depths are z-depths.
            jitter: `[s, r, n]` numbers in [0, 1) for stratified depths. None: even spacing.

        Returns:
            Colours `[s, r, 3]` (about [0, 1], not clamped), accumulation, z-depth `[s, r]` and weights `[s, r, n]`.
        """
        meeting, rays = self.meets(origins, directions).any(0).nonzero()[:, 0], origins.shape[1]
        if len(meeting) < rays:
            origins, directions = origins[:, meeting], directions[:, meeting]
            jitter = None if jitter is None else jitter[:, meeting]
        depths, points = self._samples(origins, directions, jitter)
        values = networks(points.flatten(1, 2)).unflatten(1, depths.shape[1:])
        seen = self._composite(values, depths, directions)
        return seen if len(meeting) == rays else self._among(seen, meeting, rays)

    def rays_error(
        self, networks: InstanceNetworks, origins: Tensor, directions: Tensor, colors: Tensor, jitter: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Mean squared error of `render_rays`, in one pass with its gradient; differentiable once, by the weights.

        Every scene is sampled on as many rays as meet the box in the one where most do, so that those that miss it
        cost nothing, unless they fill up another scene's.

        Args:
            networks: one per scene.
            origins: `[s, r, 3]` in scene coordinates.
            directions: `[s, r, 3]`, z = -1 in the camera.
            colors: wanted `[s, r, 3]`, in [0, 1].
            jitter: `[s, r, n]` numbers in [0, 1) for stratified depths. None: even spacing.

        Returns:
            The error of each scene `[s]`, and the colours rendered `[s, r, 3]`, without a graph.
        """
        meets, rays = self.meets(origins, directions), origins.shape[1]
        most = rays if self.box is None else max(1, int(meets.sum(1).max()))
        if most == rays:
            return self._sampled_error(networks, origins, directions, colors, jitter)
        order = meets.int().argsort(dim=1, descending=True, stable=True)
        taken, beside = (part.unsqueeze(-1) for part in order.split([most, rays - most], 1))
        where, to, wanted = (part.take_along_dim(taken, 1) for part in (origins, directions, colors))
        jitter = None if jitter is None else jitter.take_along_dim(taken, 1)
        errors, seen = self._sampled_error(networks, where, to, wanted, jitter)
        behind = colors.new_tensor(self.background)
        missed = (behind - colors.take_along_dim(beside, 1)).square().sum((1, 2))
        rendered = behind.expand_as(colors).scatter(1, taken.expand_as(seen), seen)
        return errors * (most / rays) + missed / colors[0].numel(), rendered

    def _sampled_error(
        self, networks: InstanceNetworks, origins: Tensor, directions: Tensor, colors: Tensor, jitter: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        depths, points = self._samples(origins, directions, jitter)
        distances = sample_distances(depths, directions.norm(dim=-1))
        criterion = RenderingLoss(colors, distances, DENSITIES[self.density], SLOPES[self.density], self.background)
        return networks.loss(points.flatten(1, 2), criterion), criterion.rendered

    @property
    def half_side(self) -> float:
        """Half the side of the smallest cube around the origin that holds what the data's cameras can see."""
        if self.box is None:
            return max(self.camera_distance - self.near, self.far - self.camera_distance)
        return max(abs(coordinate) for corner in self.box for coordinate in corner)

    @property
    def spacing(self) -> float:
        """Usual distance of neighbouring samples on a ray."""
        length = self.far - self.near
        if self.box is not None:
            low, high = torch.tensor(self.box)
            length = float((high - low).mean())
        return length / max(self.samples_per_ray - 1, 1)

    def density_at(self, points: Tensor, raw: Tensor) -> Tensor:
        """Density `[...]` per unit length where a network gives `raw` `[...]` at `points` `[..., 3]`."""
        density = DENSITIES[self.density](raw)
        return density if self.box is None else density * self.holds(points)

    def holds(self, points: Tensor) -> Tensor:
        """Whether there can be anything at `points` `[..., 3]`: `[...]`."""
        if self.box is None:
            return torch.ones(points.shape[:-1], dtype=torch.bool, device=points.device)
        return inside(self.box, points)

    def meets(self, origins: Tensor, directions: Tensor) -> Tensor:
        """Whether there can be anything on rays from `origins` `[..., 3]` along `directions` `[..., 3]`: `[...]`."""
        if self.box is None:
            return torch.ones(origins.shape[:-1], dtype=torch.bool, device=origins.device)
        enter, leave = self._crossed(self.box, origins, directions)
        return leave > enter

    @staticmethod
    def _crossed(box: Box, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        low, high = torch.tensor(box, dtype=origins.dtype, device=origins.device)
        enter, leave = crossed(low, high, origins, directions)
        return enter.clamp(min=NEAREST), leave

    def depth_range(self, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Depths `[...]` of the first and the last sample on rays from `origins` `[..., 3]` along `directions`.

        Those of rays that miss the box are one, so that their samples have no extent.
        """
        distance = origins.norm(dim=-1)
        if self.box is None:
            shift = distance - self.camera_distance
            near = (self.near + shift).clamp(min=NEAREST)
            return near, torch.maximum(self.far + shift, near + NEAREST)
        enter, leave = self._crossed(self.box, origins, directions)
        meets = leave > enter
        return torch.where(meets, enter, distance), torch.where(meets, leave, distance)

    def _samples(self, origins: Tensor, directions: Tensor, jitter: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Depths `[..., n]` and points `[..., n, 3]` on rays `[..., 3]`."""
        depths = sample_depths(*self.depth_range(origins, directions), self.samples_per_ray, jitter)
        return depths, origins.unsqueeze(-2) + directions.unsqueeze(-2) * depths.unsqueeze(-1)

    def _composite(
        self, values: Tensor, depths: Tensor, directions: Tensor, filled: Tensor | None = None
    ) -> RenderedRays:
        """Compose values `[..., n, 4]` at `depths` `[..., n]`; where `filled` `[..., n]` is false there is nothing."""
        density = DENSITIES[self.density](values[..., 3])
        if filled is not None:
            density = density * filled
        background = 2.0 * values.new_tensor(self.background) - 1.0
        rendered = composite(values[..., :3], density, depths, directions.norm(dim=-1), background)
        return rendered._replace(color=rendered.color * 0.5 + 0.5)

    def render_filled(
        self, networks: InstanceNetworks, occupancy: Occupancy, origins: Tensor, directions: Tensor
    ) -> RenderedRays:
        """Render rays of one scene without evaluating its empty space.

        Colours equal those of `render_rays` within the tolerance of the occupancy. Rays that miss the box, or that of
        filled cells, cost nothing.

        Args:
            networks: of one scene.
            occupancy: of the same scene.
            origins: `[r, 3]` in scene coordinates.
            directions: `[r, 3]`, z = -1 in the camera.

        Returns:
            As `render_rays`, without the dimension of scenes.
        """
        crossing = (occupancy.crosses(origins, directions) & self.meets(origins, directions)).nonzero()[:, 0]
        depths, points = self._samples(origins[crossing], directions[crossing])
        filled = occupancy.contains(points)
        values = points.new_zeros(*filled.shape, 4)
        values[filled] = networks(points[filled].unsqueeze(0))[0]
        seen = self._composite(values, depths, directions[crossing], filled)
        return self._among(seen, crossing, len(origins))

    def _among(self, seen: RenderedRays, index: Tensor, rays: int) -> RenderedRays:
        """What is `seen` `[..., r, *]` of the rays `index` `[r]`, among `rays` of which the others see nothing."""
        color, accumulation = seen.color, seen.accumulation
        shape = (*accumulation.shape[:-1], rays)
        nothing = RenderedRays(
            color=color.new_tensor(self.background).expand(*shape, 3),
            accumulation=color.new_zeros(shape),
            depth=color.new_zeros(shape),
            weights=color.new_zeros(*shape, self.samples_per_ray),
        )
        dimension = len(shape) - 1
        parts = zip(nothing, seen, strict=True)
        return RenderedRays(*(blank.index_copy(dimension, index, part) for blank, part in parts))
