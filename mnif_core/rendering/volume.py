"""Volume rendering along rays: the one renderer of the plugin and of `GenerativeField`.

Shape letters: r rays, z samples along a ray. Directions need not have unit length: depths are in units of the
direction vector, as in the authors' code, where a direction has z = -1 in the camera and depths are z-depths.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mnif_core.errors import ConfigError


class RenderedRays(NamedTuple):
    """What a bundle of rays shows.

    Attributes:
        color: `[..., 3]`, in the range of the colours given, over the background.
        accumulation: `[...]` opacity in [0, 1].
        depth: `[...]` expected depth, the background counted as 0.
        weights: `[..., z]` share of every sample in the colour.
    """

    color: Tensor
    accumulation: Tensor
    depth: Tensor
    weights: Tensor


def sample_depths(near: Tensor, far: Tensor, count: int, uniform: Tensor | None = None) -> Tensor:
    """Depths along each ray, evenly spaced with both ends included, or jittered within strata around them.

    Args:
        near: `[...]`.
        far: `[...]`, beyond near.
        count: samples n per ray.
        uniform: `[..., z]` numbers in [0, 1) that place each depth in its stratum (bounded by the mid points of the
            even spacing). None: the even spacing itself.

    Returns:
        `[..., z]`, ascending.
    """
    steps = torch.linspace(0.0, 1.0, count, device=near.device, dtype=near.dtype)
    depths = near.unsqueeze(-1) + (far - near).unsqueeze(-1) * steps
    if uniform is None:
        return depths
    middles = 0.5 * (depths[..., 1:] + depths[..., :-1])
    lower = torch.cat([depths[..., :1], middles], dim=-1)
    upper = torch.cat([middles, depths[..., -1:]], dim=-1)
    return lower + (upper - lower) * uniform


def elu_density(raw: Tensor) -> Tensor:
    """The paper's density, clip(elu(raw, 0.1) + 0.1, 0, 10) per unit length (A.2.3; constants from the authors)."""
    return (functional.elu(raw, alpha=0.1) + 0.1).clamp(0.0, 10.0)


def elu_slope(density: Tensor) -> Tensor:
    """The derivative of `elu_density` where it is `density`."""
    return torch.where(density > 0.1, density < 10.0, density)


def softplus_density(raw: Tensor) -> Tensor:
    """Density 10 softplus(raw) per unit length: sharper surfaces sooner than `elu_density`, which few steps need."""
    return 10.0 * functional.softplus(raw)


def softplus_slope(density: Tensor) -> Tensor:
    """The derivative of `softplus_density` where it is `density`."""
    return -10.0 * torch.expm1(-0.1 * density)


class Visibility(NamedTuple):
    """What is seen of each sample on a ray.

    Attributes:
        transmittance: `[..., z]` share of light that comes as far as the sample.
        weights: `[..., z]` share that ends in it.
    """

    transmittance: Tensor
    weights: Tensor

    @classmethod
    def of(cls, optical: Tensor) -> "Visibility":
        """For optical depths `[..., z]`, density times extent. Sums of exponents: no product that underflows."""
        minus = optical.neg()
        transmittance = functional.pad(minus[..., :-1], (1, 0)).cumsum(-1).exp()
        return cls(transmittance, torch.expm1(minus).neg() * transmittance)


def sample_distances(depths: Tensor, direction_norms: Tensor, last_distance: float | None = None) -> Tensor:
    """Extent of each sample `[..., z]` along its ray: up to the next one, or `last_distance` for the last.

    Args:
        depths: `[..., z]`, ascending, in units of the direction vector.
        direction_norms: `[...]` length of the direction vector.
        last_distance: in units of the direction vector. None: the mean spacing.

    Raises:
        ConfigError: a ray has one sample, so no spacing, and `last_distance` is not given.
    """
    if last_distance is None and depths.shape[-1] < 2:
        raise ConfigError("one sample on a ray has no spacing; use 2 or more samples per ray, or give last_distance")
    spacing = depths[..., 1:] - depths[..., :-1]
    last = spacing.mean(-1, keepdim=True)
    if last_distance is not None:
        last = torch.full_like(last, last_distance)
    return torch.cat([spacing, last], dim=-1) * direction_norms.unsqueeze(-1)


def composite(
    colors: Tensor,
    density: Tensor,
    depths: Tensor,
    direction_norms: Tensor,
    background: float | Tensor = 1.0,
    last_distance: float | None = None,
) -> RenderedRays:
    """Volume-rendering quadrature (Max 1995) over a constant background. Differentiable in colours and density.

    Args:
        colors: `[..., z, 3]`.
        density: `[..., z]`, per unit length, at least 0.
        depths: `[..., z]`, ascending, in units of the direction vector.
        direction_norms: `[...]` length of the direction vector.
        background: colour `[3]` behind the last sample, or one value of all three channels.
        last_distance: see `sample_distances`. The authors use 1e10, which makes any density above zero at the far plane
            opaque and hides the background.

    Raises:
        ConfigError: see `sample_distances`.
    """
    distances = sample_distances(depths, direction_norms, last_distance)
    weights = Visibility.of(density * distances).weights
    accumulation = weights.sum(-1)
    color = (weights.unsqueeze(-1) * colors).sum(-2) + background * (1.0 - accumulation).unsqueeze(-1)
    return RenderedRays(color, accumulation, (weights * depths).sum(-1), weights)
