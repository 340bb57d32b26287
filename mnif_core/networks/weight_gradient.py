"""The gradient of a squared error with respect to the weights of instance networks, in closed form.

Double backward through autograd keeps and walks the graph of a graph. A SIREN's gradient is itself a few products, so
written out it is an ordinary graph: cheaper to differentiate, and no graph at all where first order is enough.
Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.cpu import forward as tiled
from mnif_core.networks.kernels.cpu import hessian_product
from mnif_core.networks.siren import batched_linear, batched_linear_transposed, scaled


class NetworkGradient(Protocol):
    """The gradient by weights and biases."""

    def weight(self, layer: int) -> Tensor:
        """By the weights of a layer, `[s, o, i]`."""
        ...

    def bias(self, layer: int) -> Tensor:
        """By the biases of a layer, `[s, o]`."""
        ...


@dataclass(frozen=True)
class FoldedGradient:
    """As `hessian_product` gives it, no activation kept.

    Attributes:
        folded: per layer, by weights with bias and w0 inside, `[s, o, i + 1]`.
        scales: per layer, what folding has multiplied by.
    """

    folded: tuple[Tensor, ...]
    scales: tuple[float, ...]

    def weight(self, layer: int) -> Tensor:
        """See `NetworkGradient.weight`."""
        return self.folded[layer][..., :-1] * self.scales[layer]

    def bias(self, layer: int) -> Tensor:
        """See `NetworkGradient.bias`."""
        return self.folded[layer][..., -1] * self.scales[layer]


@dataclass(frozen=True)
class LayeredGradient:
    """Each part computed when it is asked for: not every modulation needs both.

    Attributes:
        inputs: what each layer reads `[s, p, i]`.
        deltas: gradient by what each layer's weights give `[s, p, o]`.
    """

    inputs: tuple[Tensor, ...]
    deltas: tuple[Tensor, ...]

    def weight(self, layer: int) -> Tensor:
        """See `NetworkGradient.weight`."""
        return torch.bmm(self.deltas[layer].transpose(1, 2), self.inputs[layer])

    def bias(self, layer: int) -> Tensor:
        """See `NetworkGradient.bias`."""
        return self.deltas[layer].sum(1)


def squared_error_network_gradient(networks: InstanceNetworks, coordinates: Tensor, targets: Tensor) -> NetworkGradient:
    """Gradient, by the weights of each network, of its mean over points and channels of (values - targets)^2.

    Args:
        networks: one per instance.
        coordinates: `[s, p, d]`.
        targets: `[s, p, k]`.
    """
    if tiled.serves(coordinates, networks.weights):
        folded = tiled.fold(networks.weights, networks.biases, networks.w0, networks.output_activation)
        scales = tiled.layer_scales(len(folded), networks.w0, networks.output_activation)
        sine_output = networks.output_activation == "sine"
        found = hessian_product.squared_error_gradient(coordinates, targets, folded, sine_output)
        return FoldedGradient(found, tuple(scales))
    inputs, angles = _activations(networks, coordinates)
    last = len(networks.weights) - 1
    values = angles[last].sin() if networks.output_activation == "sine" else angles[last]
    delta = (values - targets) * (2.0 / targets[0].numel())
    deltas = []
    for index in range(last, -1, -1):
        if index < last:
            delta = batched_linear_transposed(delta, networks.weights[index + 1])
        if index < last or networks.output_activation == "sine":
            delta = delta * (angles[index].cos() * networks.w0)
        deltas.append(delta)
    return LayeredGradient(tuple(inputs), tuple(deltas[::-1]))


def _activations(networks: InstanceNetworks, coordinates: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Per layer: what it reads `[s, p, i]`, and the argument of its sine (or its output, where it has none)."""
    x, inputs, angles = coordinates, [], []
    last = len(networks.weights) - 1
    for index, (weight, bias) in enumerate(zip(networks.weights, networks.biases, strict=True)):
        scale = networks.w0 if index < last or networks.output_activation == "sine" else 1.0
        inputs.append(x)
        angles.append(batched_linear(x, scaled(weight, scale), bias * scale))
        if index < last:
            x = angles[-1].sin()
    return inputs, angles
