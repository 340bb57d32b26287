"""The record of one plain SIREN per instance, whatever has given its weights (paper Sec. 3.1; Sitzmann et al. 2020).

Shape letters: s instances, p points, d coordinates, f features, k values, i/o channels.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import torch
from torch import Tensor

OutputActivation = Literal["none", "sine"]
Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Siren:
    """Weights of one SIREN per instance: each layer gives W [previous, features, 1], and sin(w0 ...) of it (Eq. 5).

    Weights that all instances share may be one tensor, expanded.

    Attributes:
        weights: per layer `[s, o, i]`.
        biases: per layer `[s, o]`.
        w0: frequency scale of all sines.
        output_activation: `sine` if the last layer has one too.
        features: fixed functions of the coordinates that every layer reads, `[s, p, d]` -> `[s, p, f]`. None: f is 0.
        feature_weights: per layer `[s, o, f]`; none of them without features.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    w0: float
    output_activation: OutputActivation
    features: Features | None = field(default=None, kw_only=True)
    feature_weights: tuple[Tensor, ...] = field(default=(), kw_only=True)

    def __getitem__(self, index: int) -> Self:
        """The network of one instance, as one of one."""

        def one(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(tensor[index : index + 1] for tensor in tensors)

        return replace(
            self, weights=one(self.weights), biases=one(self.biases), feature_weights=one(self.feature_weights)
        )

    @property
    def num_instances(self) -> int:
        """How many networks this holds."""
        return self.weights[0].shape[0]

    @property
    def num_features(self) -> int:
        """How many features there are, f."""
        return self.feature_weights[0].shape[2] if self.feature_weights else 0

    @property
    def sine_output(self) -> bool:
        """Whether the last layer has a sine too."""
        return self.output_activation == "sine"

    @property
    def scales(self) -> list[float]:
        """What each layer's sum is multiplied by: w0 where a sine follows."""
        return [self.w0] * (len(self.weights) - 1) + [self.w0 if self.sine_output else 1.0]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All weights and biases."""
        return self.weights + self.feature_weights + self.biases

    @property
    def is_learned(self) -> bool:
        """Whether gradients by weights or biases are wanted now."""
        return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in self.tensors)

    def folded(self) -> list[Tensor]:
        """Per layer one tensor `[s, o, i + f + 1]`: weights, those of features, bias, all with the layer's scale."""
        columns = [self.weights, self.feature_weights, tuple(bias.unsqueeze(2) for bias in self.biases)]
        layers = zip(*(parts for parts in columns if parts), strict=True)
        return [torch.cat(parts, 2) * scale for parts, scale in zip(layers, self.scales, strict=True)]
