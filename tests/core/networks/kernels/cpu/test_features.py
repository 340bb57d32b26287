"""Features that every layer reads, by tiles: against the reference in double precision."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.backend import Backend
from mnif_core.networks.kernels.cpu.backend import TILED
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.rendering.losses import SquaredError
from tests.core.networks.kernels.small_networks import every_shape, points, with_features
from tests.gradients import assert_same_gradients


@every_shape
@pytest.mark.usefixtures("cut")
def test_values_by_tiles_and_their_derivatives_are_the_references(layers: int, output: str) -> None:
    siren, x = with_features(layers, output), points()

    def derivatives(values: Tensor) -> list[Tensor]:
        once = torch.autograd.grad(values.square().sum(), siren.tensors, retain_graph=True)
        first = torch.autograd.grad(values.square().sum(), siren.tensors, create_graph=True)
        twice = torch.autograd.grad(sum(part.square().sum() for part in first), siren.tensors)  # type: ignore[arg-type]
        return [values, *once, *twice]

    found = (derivatives(backend.values(siren, x)) for backend in (TILED, REFERENCE))
    for ours, exact in zip(*found, strict=True):
        torch.testing.assert_close(ours, exact, atol=1e-9, rtol=1e-9)


@every_shape
@pytest.mark.usefixtures("cut")
def test_a_loss_in_one_pass(layers: int, output: str) -> None:
    siren, x, targets = with_features(layers, output), points(), points(channels=3)
    by_losses = torch.tensor([0.3, -2.0, 1.1], dtype=torch.float64)
    losses, exact = (
        TILED.loss(siren, x, SquaredError(targets)),
        (REFERENCE.values(siren, x) - targets).square().mean((1, 2)),
    )
    torch.testing.assert_close(losses, exact, atol=1e-12, rtol=0)
    assert_same_gradients(losses, exact, siren.tensors, by_losses, atol=1e-12, rtol=1e-10)


@every_shape
@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("backend", [TILED, REFERENCE], ids=lambda backend: type(backend).__name__)
def test_gradient_of_a_squared_error_in_closed_form_and_its_own(backend: Backend, layers: int, output: str) -> None:
    siren, x, targets = with_features(layers, output), points(), points(channels=3)
    error = (REFERENCE.values(siren, x) - targets).square().mean((1, 2)).sum()
    expected = torch.autograd.grad(error, siren.tensors, create_graph=True)
    found = backend.squared_error_gradient(siren, x, targets)
    parts = (found.weight, found.feature_weight, found.bias)
    ours = [part(layer) for part in parts for layer in range(len(siren.weights))]
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)
    directions = [torch.sin(7.0 * part.detach()) for part in expected]
    products = [
        torch.autograd.grad(sum((g * d).sum() for g, d in zip(gradient, directions, strict=True)), siren.tensors)  # type: ignore[arg-type]
        for gradient in (ours, expected)
    ]
    for one, other in zip(*products, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=1e-9)


def test_derivatives_by_tiles_are_finite_differences() -> None:
    siren, x, targets = with_features(1, "sine"), points(3), points(3, channels=3)
    first, *others = siren.feature_weights

    def networks(column: Tensor) -> InstanceNetworks:
        return replace(siren, feature_weights=(column, *others))

    def gradient(column: Tensor) -> Tensor:
        return TILED.squared_error_gradient(networks(column), x, targets).feature_weight(0)

    assert torch.autograd.gradcheck(lambda column: TILED.values(networks(column), x), (first,))
    assert torch.autograd.gradcheck(lambda column: TILED.loss(networks(column), x, SquaredError(targets)), (first,))
    assert torch.autograd.gradcheck(gradient, (first,))
