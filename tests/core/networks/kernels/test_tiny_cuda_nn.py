"""The mapping to tiny-cuda-nn, proven on its layout; the library itself only where it is installed."""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels import tiny_cuda_nn
from mnif_core.networks.siren import Siren
from tests.core.networks.kernels.random_networks import random_networks, reference_values

SHAPES = [(3, 64, 4, 4, "none"), (2, 128, 5, 3, "sine"), (2, 32, 1, 1, "sine"), (3, 32, 0, 16, "none")]


def cutlass_mlp(flat: Tensor, x: Tensor, outputs: int, config: dict[str, Any]) -> Tensor:
    """What CutlassMLP computes: matrices `[out, in]` one after another, no biases, inputs padded with ones."""
    width, layers = config["n_neurons"], config["n_hidden_layers"]
    x = torch.cat([x, x.new_ones(len(x), -x.shape[1] % 16)], 1)
    shapes = [(width, x.shape[1]), *[(width, width)] * (layers - 1), (outputs + -outputs % 16, width)]
    matrices = flat.split([out * into for out, into in shapes])
    for index, (matrix, shape) in enumerate(zip(matrices, shapes, strict=True)):
        x = x @ matrix.view(shape).T
        if config["activation" if index < layers else "output_activation"] == "Sine":
            x = x.sin()
    return x[:, :outputs]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mapped_network_without_biases_gives_the_same_values(
    shape: tuple[int, int, int, int, Literal["none", "sine"]],
) -> None:
    dims, width, hidden, outputs, output = shape
    weights, biases = ([t.double() for t in part] for part in random_networks(2, dims, width, hidden, outputs, w0=30.0))
    x = torch.rand(2, 50, dims, dtype=torch.float64) * 2 - 1
    flat = tiny_cuda_nn.parameters(Siren(tuple(weights), tuple(biases), 30.0, output))
    config = tiny_cuda_nn.configuration(hidden + 1, width, output)
    assert config["n_neurons"] % 16 == 0
    mapped = torch.stack([cutlass_mlp(row, points, outputs, config) for row, points in zip(flat, x, strict=True)])
    torch.testing.assert_close(mapped, reference_values(x, weights, biases, 30.0, output), atol=1e-11, rtol=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="tiny-cuda-nn may be had on a GPU")
def test_without_it_asking_for_it_is_one_clear_line() -> None:
    weights, biases = random_networks(1, 2, 32, 1, 3)
    networks = InstanceNetworks(tuple(weights), tuple(biases), 30.0, "sine", "tcnn")
    with pytest.raises(ConfigError, match="'tcnn' is not to be had: .*; choose auto or torch") as error:
        networks(torch.zeros(1, 4, 2))
    assert "\n" not in str(error.value)


@pytest.mark.gpu
def test_tiny_cuda_nn_itself_gives_the_same_values() -> None:
    pytest.importorskip("tinycudann", reason="tiny-cuda-nn is not installed")
    weights, biases = ([t.cuda() for t in part] for part in random_networks(2, 3, 64, 2, 4, w0=5.0))
    x = torch.rand(2, 300, 3, device="cuda")
    siren = Siren(tuple(weights), tuple(biases), 5.0, "none")
    values = tiny_cuda_nn.TINY_CUDA_NN.values(siren, x)
    exact = tiny_cuda_nn.is_exact(siren)
    expected = reference_values(x, weights, biases, 5.0, "none")
    torch.testing.assert_close(values, expected, atol=1e-5 if exact else 2e-2, rtol=0)
