"""The gradient of a squared error by the weights of SIRENs, in closed form.

Double backward through autograd keeps and walks the graph of a graph. A SIREN's gradient is itself a few products, so
written out it is an ordinary graph: cheaper to differentiate, and no graph at all where first order is enough.
Shape letters: s instances, p points, d coordinates, f features, k values, i/o channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mnif_core.networks.linear import batched_linear, batched_linear_transposed, scaled
from mnif_core.networks.siren import Siren


class NetworkGradient(Protocol):
    """The gradient by weights and biases, and by the weights of features where there are any."""

    def weight(self, layer: int) -> Tensor:
        """By the weights of a layer, `[s, o, i]`."""
        ...

    def bias(self, layer: int) -> Tensor:
        """By the biases of a layer, `[s, o]`."""
        ...

    def feature_weight(self, layer: int) -> Tensor:
        """By the weights that a layer has for the features, `[s, o, f]`."""
        ...


@dataclass(frozen=True)
class FoldedGradient:
    """By weights with bias and scale inside, no activation kept.

    Attributes:
        folded: per layer, by `Siren.folded`, `[s, o, i + f + 1]`.
        scales: per layer, see `Siren.scales`.
        features: f.
    """

    folded: tuple[Tensor, ...]
    scales: tuple[float, ...]
    features: int = 0

    def weight(self, layer: int) -> Tensor:
        """See `NetworkGradient.weight`."""
        return self.folded[layer][..., : -1 - self.features] * self.scales[layer]

    def bias(self, layer: int) -> Tensor:
        """See `NetworkGradient.bias`."""
        return self.folded[layer][..., -1] * self.scales[layer]

    def feature_weight(self, layer: int) -> Tensor:
        """See `NetworkGradient.feature_weight`."""
        return self.folded[layer][..., -1 - self.features : -1] * self.scales[layer]


@dataclass(frozen=True)
class LayeredGradient:
    """Each part computed when it is asked for: not every modulation needs both.

    Attributes:
        inputs: what each layer reads `[s, p, i]`.
        deltas: gradient by what each layer's weights give `[s, p, o]`.
        features: what all layers read besides `[s, p, f]`. None: nothing.
    """

    inputs: tuple[Tensor, ...]
    deltas: tuple[Tensor, ...]
    features: Tensor | None = None

    def weight(self, layer: int) -> Tensor:
        """See `NetworkGradient.weight`."""
        return torch.bmm(self.deltas[layer].transpose(1, 2), self.inputs[layer])

    def bias(self, layer: int) -> Tensor:
        """See `NetworkGradient.bias`."""
        return self.deltas[layer].sum(1)

    def feature_weight(self, layer: int) -> Tensor:
        """See `NetworkGradient.feature_weight`."""
        assert self.features is not None
        return torch.bmm(self.deltas[layer].transpose(1, 2), self.features)


def layered_gradient(siren: Siren, coordinates: Tensor, targets: Tensor) -> LayeredGradient:
    """Gradient, by the weights of each network, of its mean over points and channels of (values - targets)^2.

    Args:
        siren: one network per instance.
        coordinates: `[s, p, d]`.
        targets: `[s, p, k]`.
    """
    inputs, angles = zip(*layers_of(siren, coordinates), strict=True)
    last = len(angles) - 1
    values = angles[last].sin() if siren.sine_output else angles[last]
    delta = (values - targets) * (2.0 / targets[0].numel())
    deltas = []
    for index in range(last, -1, -1):
        if index < last:
            delta = batched_linear_transposed(delta, siren.weights[index + 1])
        if index < last or siren.sine_output:
            delta = delta * (angles[index].cos() * siren.w0)
        deltas.append(delta)
    features = None if siren.features is None else siren.features(coordinates)
    return LayeredGradient(tuple(inputs), tuple(deltas[::-1]), features)


def layers_of(siren: Siren, coordinates: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Layer by layer: what it reads of the one before `[s, p, i]`, and what its sine reads, or its output `[s, p, o]`.

    Scales are folded into the weights: they are far smaller than the activations.
    """
    angle, features = None, None if siren.features is None else siren.features(coordinates)
    for index, (weight, bias, scale) in enumerate(zip(siren.weights, siren.biases, siren.scales, strict=True)):
        x = coordinates if angle is None else angle.sin()
        angle = batched_linear(x, scaled(weight, scale), bias * scale)
        if features is not None:
            angle = angle + features @ (siren.feature_weights[index] * scale).transpose(1, 2)
        yield x, angle
