"""One plain SIREN per instance: what is left of a mixture when it has been averaged.

Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from mnif_core.kernels import blocked
from mnif_core.siren import batched_linear, batched_sine


@dataclass(frozen=True)
class InstanceNetworks:
    """One plain SIREN per instance: what is left when the mixture has been averaged (Eq. 9). M is gone here.

    Attributes:
        weights: per layer `[s, o, i]`.
        biases: per layer `[s, o]`.
        w0: frequency scale.
        output_activation: as in `MixtureConfig`.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    w0: float
    output_activation: Literal["none", "sine"]

    def __call__(self, coordinates: Tensor) -> Tensor:
        """Evaluate every network at its own points: `[s, p, d]` -> `[s, p, k]`."""
        if blocked.serves(coordinates, self.weights):
            return blocked.values(coordinates, self.weights, self.biases, self.w0, self.output_activation)
        x = coordinates
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if index == last and self.output_activation == "none":
                x = batched_linear(x, weight, bias)
            else:
                x = batched_sine(x, weight, bias, self.w0)
        return x

    def evaluate(self, coordinates: Tensor, points_per_chunk: int) -> Tensor:
        """Evaluate all networks at the same points `[p, d]`, in chunks that bound memory: `[s, p, k]`."""
        everywhere = coordinates.expand(self.num_instances, -1, -1)
        if blocked.serves(coordinates, self.weights):
            return self(everywhere)  # in blocks already
        chunks = everywhere.split(max(1, points_per_chunk // self.num_instances), dim=1)
        return torch.cat([self(chunk) for chunk in chunks], dim=1)

    def __getitem__(self, index: int) -> "InstanceNetworks":
        """The network of one instance, as one of one."""
        weights = tuple(weight[index : index + 1] for weight in self.weights)
        biases = tuple(bias[index : index + 1] for bias in self.biases)
        return replace(self, weights=weights, biases=biases)

    @property
    def num_instances(self) -> int:
        """How many networks this holds."""
        return self.weights[0].shape[0]
