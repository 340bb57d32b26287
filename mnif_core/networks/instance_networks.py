"""One plain SIREN per instance: what is left of a modulation when a latent has been chosen.

Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from mnif_core.networks.kernels.cpu import forward as tiled
from mnif_core.networks.kernels.dispatch import Evaluate, Implementation, chosen
from mnif_core.networks.kernels.one_pass import Criterion, tiled_loss, whole_loss
from mnif_core.networks.kernels.triton import launch as fused


@dataclass(frozen=True)
class InstanceNetworks:
    """One plain SIREN per instance: what is left when the mixture has been averaged (Eq. 9). M is gone here.

    Weights that all instances share may be one tensor, expanded.

    Attributes:
        weights: per layer `[s, o, i]`.
        biases: per layer `[s, o]`.
        w0: frequency scale.
        output_activation: as in `ModulationConfig`.
        implementation: what evaluates them; see `kernels.choice`.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    w0: float
    output_activation: Literal["none", "sine"]
    implementation: Implementation = "auto"

    def __call__(self, coordinates: Tensor) -> Tensor:
        """Evaluate every network at its own points: `[s, p, d]` -> `[s, p, k]`.

        Raises:
            ConfigError: the implementation asked for is not to be had.
        """
        return self._chosen(coordinates)(coordinates, self.weights, self.biases, self.w0, self.output_activation)

    def _chosen(self, coordinates: Tensor) -> Evaluate:
        return chosen(self.implementation, coordinates, self.weights, self.biases, self.w0, self.output_activation)

    def evaluate(self, coordinates: Tensor, points_per_chunk: int) -> Tensor:
        """Evaluate all networks at the same points `[p, d]`, in chunks that bound memory: `[s, p, k]`."""
        everywhere = coordinates.expand(self.num_instances, -1, -1)
        if self._chosen(everywhere) in (tiled.values, fused.values):
            return self(everywhere)  # in pieces already
        chunks = everywhere.split(max(1, points_per_chunk // self.num_instances), dim=1)
        return torch.cat([self(chunk) for chunk in chunks], dim=1)

    def loss(self, coordinates: Tensor, criterion: Criterion) -> Tensor:
        """What `criterion` says of every network at its own points, `[s, p, d]` -> `[s]`.

        Differentiable once, by the weights, which takes one pass where values would take two.
        """
        learned = torch.is_grad_enabled() and any(part.requires_grad for part in (*self.weights, *self.biases))
        if not learned or self._chosen(coordinates) is not tiled.values:
            return whole_loss(self(coordinates), criterion)
        folded = tiled.fold(self.weights, self.biases, self.w0, self.output_activation)
        return tiled_loss(coordinates, folded, self.output_activation == "sine", criterion)

    def __getitem__(self, index: int) -> "InstanceNetworks":
        """The network of one instance, as one of one."""
        weights = tuple(weight[index : index + 1] for weight in self.weights)
        biases = tuple(bias[index : index + 1] for bias in self.biases)
        return replace(self, weights=weights, biases=biases)

    @property
    def num_instances(self) -> int:
        """How many networks this holds."""
        return self.weights[0].shape[0]
