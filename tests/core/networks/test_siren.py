"""Features that every layer reads beside the layer before: against the equations in double precision."""

from dataclasses import replace

import pytest
import torch

from mnif_core.errors import ConfigError
from mnif_core.networks.kernels.cpu.backend import TILED
from mnif_core.networks.kernels.dispatch import chosen
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.kernels.tiny_cuda_nn import TINY_CUDA_NN
from mnif_core.networks.kernels.triton.launch import FUSED
from tests.core.networks.kernels.small_networks import (
    by_hand,
    every_shape,
    layer_by_layer,
    networks,
    points,
    waves,
    with_features,
)


@every_shape
def test_values_and_their_gradients(layers: int, output: str) -> None:
    siren, x = with_features(layers, output), points().requires_grad_()
    ours, exact = siren(x), by_hand(siren, x)
    torch.testing.assert_close(ours, exact, atol=1e-12, rtol=0)
    variables = [x, *siren.tensors]
    for one, other in zip(*(torch.autograd.grad(v.square().sum(), variables) for v in (ours, exact)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def test_tiles_serve_them_unless_coordinates_are_learned_and_other_kernels_do_not() -> None:
    siren, x = with_features(1, "sine"), points()
    assert chosen("auto", siren, x) is chosen("torch", siren, x) is TILED
    assert chosen("auto", siren, x.clone().requires_grad_()) is REFERENCE
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
