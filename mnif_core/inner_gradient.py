"""The gradient of a squared error with respect to the latents, in closed form.

Double backward through autograd keeps and walks the graph of a graph. A SIREN's gradient is itself a few products, so
written out it is an ordinary graph: cheaper to differentiate, and no graph at all where first order is enough.
Shape letters: s instances, p points, d coordinates, k values, l layers, m bases, h latent.
"""

import torch
from torch import Tensor

from mnif_core.instance_networks import InstanceNetworks
from mnif_core.mixture import MixtureSiren


def squared_error(values: Tensor, targets: Tensor) -> Tensor:
    """Mean over points and channels of (values - targets)^2: `[s, p, k]` twice -> `[s]`."""
    return (values - targets).square().mean((1, 2))


def squared_error_gradient(mixture: MixtureSiren, latents: Tensor, coordinates: Tensor, targets: Tensor) -> Tensor:
    """Gradient of the sum of `squared_error` over instances, differentiable once more.

    Args:
        mixture: the basis networks.
        latents: `[s, h]`.
        coordinates: `[s, p, d]`.
        targets: `[s, p, k]`.

    Returns:
        `[s, h]`, equal to `autograd.grad` of the loss.
    """
    networks = mixture.instance(latents)
    inputs, angles = _activations(networks, coordinates)
    last = len(networks.weights) - 1
    values = angles[last].sin() if networks.output_activation == "sine" else angles[last]
    delta = (values - targets) * (2.0 / targets[0].numel())
    coefficients = []
    for index in range(last, -1, -1):
        if index < last or networks.output_activation == "sine":
            delta = delta * angles[index].cos()
            scale = networks.w0
        else:
            scale = 1.0
        weight_gradient = torch.bmm(delta.transpose(1, 2), inputs[index]) * scale
        bias_gradient = delta.sum(1) * scale
        coefficients.append(
            weight_gradient.flatten(1) @ mixture.basis_weights[index].flatten(1).T
            + bias_gradient @ mixture.basis_biases[index].T
        )
        if index > 0:
            delta = torch.bmm(delta, networks.weights[index] * scale)
    return mixture.latent_gradient(torch.stack(coefficients[::-1], dim=1))


def _activations(networks: InstanceNetworks, coordinates: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Per layer: what it reads `[s, p, i]`, and the argument of its sine (or its output, where it has none)."""
    x, inputs, angles = coordinates, [], []
    last = len(networks.weights) - 1
    for index, (weight, bias) in enumerate(zip(networks.weights, networks.biases, strict=True)):
        scale = networks.w0 if index < last or networks.output_activation == "sine" else 1.0
        inputs.append(x)
        angles.append(torch.baddbmm((bias * scale).unsqueeze(1), x, (weight * scale).transpose(1, 2)))
        if index < last:
            x = angles[-1].sin()
    return inputs, angles
