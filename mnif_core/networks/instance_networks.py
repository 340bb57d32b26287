"""One plain SIREN per instance: what is left of a modulation when a latent has been chosen.

Shape letters: s instances, p points, d coordinates, k values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnif_core.networks.kernels.backend import Backend, Criterion
from mnif_core.networks.kernels.dispatch import Implementation, chosen
from mnif_core.networks.siren import Siren
from mnif_core.networks.weight_gradient import NetworkGradient


@dataclass(frozen=True)
class InstanceNetworks(Siren):
    """One plain SIREN per instance: what is left when the mixture has been averaged (Eq. 9). M is gone here.

    Attributes:
        implementation: what evaluates them, see `kernels.dispatch`; where it cannot be had, all methods raise
            `ConfigError`.
    """

    implementation: Implementation = "auto"

    def __call__(self, coordinates: Tensor) -> Tensor:
        """Evaluate every network at its own points: `[s, p, d]` -> `[s, p, k]`."""
        return self._backend(coordinates).values(self, coordinates)

    def evaluate(self, coordinates: Tensor, points_per_chunk: int) -> Tensor:
        """Evaluate all networks at the same points `[p, d]`, in chunks that bound memory: `[s, p, k]`."""
        everywhere = coordinates.expand(self.num_instances, -1, -1)
        if self._backend(everywhere).works_in_pieces:
            return self(everywhere)
        chunks = everywhere.split(max(1, points_per_chunk // self.num_instances), dim=1)
        return torch.cat([self(chunk) for chunk in chunks], dim=1)

    def loss(self, coordinates: Tensor, criterion: Criterion) -> Tensor:
        """What `criterion` says of every network at its own points, `[s, p, d]` -> `[s]`.

        Differentiable once, by the weights, which takes one pass where values would take two.
        """
        return self._backend(coordinates).loss(self, coordinates, criterion)

    def squared_error_gradient(self, coordinates: Tensor, targets: Tensor) -> NetworkGradient:
        """Gradient, by the weights of each network, of its mean over points and channels of (values - targets)^2.

        Differentiable once more, by the weights.

        Args:
            coordinates: `[s, p, d]`.
            targets: `[s, p, k]`.
        """
        return self._backend(coordinates).squared_error_gradient(self, coordinates, targets)

    def _backend(self, coordinates: Tensor) -> Backend:
        return chosen(self.implementation, self, coordinates)
