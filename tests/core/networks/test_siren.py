"""Features that every layer reads beside the layer before: against the equations in double precision."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.cpu.backend import TILED
from mnif_core.networks.kernels.dispatch import chosen
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.kernels.tiny_cuda_nn import TINY_CUDA_NN
from mnif_core.networks.kernels.triton.launch import FUSED
from tests.core.networks.kernels.small_networks import every_shape, layer_by_layer, networks, points


def waves(x: Tensor) -> Tensor:
    """Four functions of two coordinates."""
    return torch.cat([(3.0 * x).sin(), x.square()], -1)


def with_features(layers: int, output: str) -> InstanceNetworks:
    plain = networks(layers, output, requires_grad=True)
    generator = torch.Generator().manual_seed(7)
    shapes = [(3, weight.shape[1], 4) for weight in plain.weights]
    columns = [torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5 for shape in shapes]
    return replace(plain, features=waves, feature_weights=tuple(column.requires_grad_() for column in columns))


def by_hand(siren: InstanceNetworks, x: Tensor) -> Tensor:
    """One instance, one point at a time: sin(w0 (W [previous, features] + b))."""
    values = []
    for instance in range(len(x)):
        for point in x[instance]:
            read, psi = point, waves(point)
            for layer, weight in enumerate(siren.weights):
                row = torch.cat([weight[instance], siren.feature_weights[layer][instance]], 1)
                read = row @ torch.cat([read, psi]) + siren.biases[layer][instance]
                if layer < len(siren.weights) - 1 or siren.output_activation == "sine":
                    read = (siren.w0 * read).sin()
            values.append(read)
    return torch.stack(values).view(len(x), x.shape[1], -1)


@every_shape
def test_values_and_their_gradients(layers: int, output: str) -> None:
    siren, x = with_features(layers, output), points().requires_grad_()
    ours, exact = siren(x), by_hand(siren, x)
    torch.testing.assert_close(ours, exact, atol=1e-12, rtol=0)
    variables = [x, *siren.tensors]
    for one, other in zip(*(torch.autograd.grad(v.square().sum(), variables) for v in (ours, exact)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


@every_shape
def test_gradient_of_a_squared_error_in_closed_form(layers: int, output: str) -> None:
    siren, x, targets = with_features(layers, output), points(), points(channels=3)
    expected = torch.autograd.grad((siren(x) - targets).square().mean((1, 2)).sum(), siren.tensors)
    found = siren.squared_error_gradient(x, targets)
    parts = (found.weight, found.feature_weight, found.bias)  # type: ignore[attr-defined]
    ours = [part(layer) for part in parts for layer in range(len(siren.weights))]
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


def test_only_the_reference_serves_them() -> None:
    siren, x = with_features(1, "sine"), points()
    assert chosen("auto", siren, x) is chosen("torch", siren, x) is REFERENCE
    assert TILED.why_not(siren, x) == "the networks read features"
    for backend in (FUSED, TINY_CUDA_NN):
        assert backend.why_not(siren, x) is not None
    with pytest.raises(ConfigError, match="not to be had"):
        replace(siren, implementation="tcnn")(x)


@every_shape
def test_weights_of_zero_are_no_features(layers: int, output: str) -> None:
    plain, x = networks(layers, output), points()
    nothing = tuple(torch.zeros(3, weight.shape[1], 4, dtype=torch.float64) for weight in plain.weights)
    silent = replace(plain, features=waves, feature_weights=nothing)
    torch.testing.assert_close(silent(x), layer_by_layer(plain, x), atol=1e-14, rtol=0)
    assert silent[1].feature_weights[0].shape[0] == 1


def test_folded_layers_hold_all_columns() -> None:
    siren = with_features(1, "none")
    first, *_, last = siren.folded()
    assert [part.shape[2] for part in siren.folded()] == [2 + 4 + 1, 6 + 4 + 1, 6 + 4 + 1]
    assert first[..., :2].equal(siren.weights[0] * siren.w0) and last[..., -1].equal(siren.biases[-1])
