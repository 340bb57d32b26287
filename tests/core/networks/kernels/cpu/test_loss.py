"""A loss in one pass against autograd of the values, in double precision."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.losses import SquaredError
from tests.core.networks.kernels.small_networks import every_shape, layer_by_layer, networks, points
from tests.gradients import assert_same_gradients

BY_LOSSES = torch.tensor([0.3, -2.0, 1.1], dtype=torch.float64)


def by_autograd(ours: InstanceNetworks, x: Tensor, targets: Tensor) -> Tensor:
    return (layer_by_layer(ours, x) - targets).square().mean((1, 2))


@every_shape
@pytest.mark.usefixtures("cut")
def test_losses_and_gradients_are_autograds(layers: int, output: str) -> None:
    ours, x, targets = networks(layers, output, requires_grad=True), points(), points(channels=3)
    criterion, variables = SquaredError(targets), [*ours.weights, *ours.biases]
    losses, expected = ours.loss(x, criterion), by_autograd(ours, x, targets)
    torch.testing.assert_close(losses, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(criterion.values, layer_by_layer(ours, x).detach(), atol=1e-12, rtol=0)
    assert_same_gradients(losses, expected, variables, BY_LOSSES, atol=1e-12, rtol=1e-10)


def test_networks_that_no_tiles_serve_have_the_same_loss_and_gradient() -> None:
    ours, x, targets = networks(1, "sine", requires_grad=True), points(), points(channels=3)
    shared = replace(ours, weights=tuple(weight[:1].expand(3, -1, -1) for weight in ours.weights))
    losses, expected = shared.loss(x, SquaredError(targets)), by_autograd(shared, x, targets)
    torch.testing.assert_close(losses, expected, atol=1e-12, rtol=0)
    assert_same_gradients(losses, expected, ours.weights, BY_LOSSES, atol=1e-12, rtol=1e-10)


def test_without_gradients_the_loss_is_the_same() -> None:
    ours, x, targets = networks(1, "none", requires_grad=True), points(), points(channels=3)
    with torch.no_grad():
        losses = ours.loss(x, SquaredError(targets))
    assert not losses.requires_grad
    torch.testing.assert_close(losses, by_autograd(ours, x, targets).detach(), atol=1e-12, rtol=0)


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    ours = networks(1, "none", requires_grad=True)
    losses = ours.loss(points(), SquaredError(points(channels=3)))
    with pytest.raises(RuntimeError, match="differentiable once"):
        torch.autograd.grad(losses.sum(), ours.weights[:1], create_graph=True)
