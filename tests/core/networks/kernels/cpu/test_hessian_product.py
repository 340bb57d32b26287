"""The closed form of a squared error's gradient, and its Hessian products, against autograd in double precision."""

import pytest
import torch

from mnif_core.networks.kernels.cpu.hessian_product import squared_error_gradient_by_weights
from tests.core.networks.kernels.small_networks import every_shape, layer_by_layer, networks, points


@every_shape
@pytest.mark.usefixtures("cut")
def test_squared_error_gradient_and_its_hessian_product_are_autograds(layers: int, output: str) -> None:
    ours, x, targets = networks(layers, output, requires_grad=True), points(), points(channels=3)
    variables = [*ours.weights, *ours.biases]
    folded = ours.folded()
    loss = (layer_by_layer(ours, x) - targets).square().mean((1, 2)).sum()
    expected = torch.autograd.grad(loss, variables, create_graph=True)
    # what reaches the folded weights reaches weights and biases through their folding
    given = squared_error_gradient_by_weights(x, targets, folded, output == "sine")
    found = [part[..., :-1] * scale for part, scale in zip(given, ours.scales, strict=True)]
    found += [part[..., -1] * scale for part, scale in zip(given, ours.scales, strict=True)]
    directions = [torch.sin(7.0 * part.detach()) for part in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)
    products = [
        torch.autograd.grad(sum((g * d).sum() for g, d in zip(gradient, directions, strict=True)), variables)  # type: ignore[arg-type]
        for gradient in (found, expected)
    ]
    for one, other in zip(*products, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=1e-9)
