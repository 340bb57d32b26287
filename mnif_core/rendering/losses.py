"""Losses of instance networks that know their own gradient, for `InstanceNetworks.loss`.

Shape letters: s instances (g of them at once), p points (c of them at once), k values, r rays, z samples along a ray.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mnif_core.rendering.volume import Visibility


class SquaredError:
    """Mean over points and channels of (values - targets)^2.

    Args:
        targets: `[s, p, k]`.

    Attributes:
        values: what the networks gave `[s, p, k]`, without a graph.
    """

    together = 1

    def __init__(self, targets: Tensor) -> None:
        self.values = torch.empty_like(targets)
        self._targets, self._share = targets, 1.0 / targets[0].numel()

    def __call__(self, values: Tensor, instances: slice, points: slice) -> tuple[Tensor, Tensor]:
        """See `Criterion`."""
        self.values[instances, points] = values
        error = values - self._targets[instances, points]
        return error.square().sum((1, 2)) * self._share, error.mul_(2.0 * self._share)


class RenderingLoss:
    """Mean over rays and channels of the squared error of rendered colours in [0, 1].

    The derivative of `composite` in closed form. With q_i = dL/dw_i, w_i = T_i - T_{i+1} and T_i the exponential of
    minus the optical depths before sample i, that of the i-th optical depth is q_i T_{i+1} - sum_{j > i} q_j w_j.

    Args:
        colors: wanted `[s, r, 3]`, in [0, 1].
        distances: extent of each sample `[s, r, z]`.
        density: activation, raw values to density per unit length.
        slope: its derivative, as a function of the density.
        background: red, green, blue in [0, 1].

    Attributes:
        rendered: colours `[s, r, 3]`, about [0, 1], not clamped, without a graph.
    """

    def __init__(
        self,
        colors: Tensor,
        distances: Tensor,
        density: Callable[[Tensor], Tensor],
        slope: Callable[[Tensor], Tensor],
        background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.together = distances.shape[-1]
        self.rendered = torch.empty_like(colors)
        behind = colors.new_tensor(background)
        self._colors, self._distances = colors, distances
        self._behind, self._uncovered = 2.0 * behind - 1.0, behind - colors
        self._density, self._slope = density, slope

    def __call__(self, values: Tensor, instances: slice, points: slice) -> tuple[Tensor, Tensor]:
        """See `Criterion`. Values are colours in [-1, 1] and raw density."""
        rays = slice(points.start // self.together, points.stop // self.together)
        samples, distances = values.unflatten(1, (-1, self.together)), self._distances[instances, rays]
        density = self._density(samples[..., 3])
        seen = Visibility.of(density * distances)
        # what a sample adds to the background behind it, in units of which a colour in [0, 1] is half
        shade = samples[..., :3] - self._behind
        rendered = (seen.weights.unsqueeze(-1) * shade).sum(-2)
        error = torch.add(self._uncovered[instances, rays], rendered, alpha=0.5)
        torch.add(self._colors[instances, rays], error, out=self.rendered[instances, rays])
        share = 1.0 / self._colors[0].numel()
        loss = error.square().sum((1, 2)) * share

        gradient = torch.empty_like(samples)
        error *= share
        torch.mul(seen.weights.unsqueeze(-1), error.unsqueeze(-2), out=gradient[..., :3])
        by_weights = shade.mul_(error.unsqueeze(-2)).sum(-1)
        until = (seen.weights * by_weights).cumsum(-1)
        by_optical = by_weights.mul_(seen.transmittance - seen.weights).add_(until).sub_(until[..., -1:])
        torch.mul(by_optical.mul_(distances), self._slope(density), out=gradient[..., 3])
        return loss, gradient.flatten(1, 2)
