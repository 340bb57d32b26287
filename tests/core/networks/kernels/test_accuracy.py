"""No implementation costs a trained field quality: PSNR within 0.05 dB of plain torch in single precision."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor

from mnif_core.networks.kernels import tiny_cuda_nn
from mnif_core.networks.siren import Siren
from tests.core.networks.kernels.random_networks import fused_values, random_networks, reference_values, tiled_values
from tests.core.networks.kernels.test_tiny_cuda_nn import cutlass_mlp

W0, SIDE = 30.0, 40


def picture(grid: Tensor) -> Tensor:
    """Smooth colours, an edge and fine stripes in [-1, 1]: `[p, 2]` -> `[p, 3]`."""
    y, x = grid.unbind(-1)
    disc = torch.where(x.square() + y.square() < 0.4, 0.8, -0.3)
    return torch.stack([(3 * x).sin() * y, disc, (9 * x + 7 * y).sin() * 0.7], -1)


@pytest.fixture(scope="module")
def trained() -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Coordinates, colours, weights and biases of one image field of (L, W) = (2, 64)."""
    axis = torch.linspace(-1.0, 1.0, SIDE)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(1, -1, 2)
    target = picture(grid)
    weights, biases = random_networks(1, 2, 64, 2, 3, W0)
    parameters = [t.requires_grad_() for t in (*weights, *biases)]
    optimizer = torch.optim.Adam(parameters, lr=3e-4)
    for _ in range(250):
        optimizer.zero_grad()
        (reference_values(grid, weights, biases, W0, "sine") - target).square().mean().backward()
        optimizer.step()
    return grid, target, [w.detach() for w in weights], [b.detach() for b in biases]


def psnr(values: Tensor, target: Tensor) -> float:
    return -10.0 * math.log10(float((0.5 * (values.cpu() - target)).square().mean()))


def mapped_to_tiny_cuda_nn(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], w0: float, output: str
) -> Tensor:
    config = tiny_cuda_nn.configuration(len(weights) - 1, weights[0].shape[1], "sine")
    return cutlass_mlp(tiny_cuda_nn.parameters(Siren(tuple(weights), tuple(biases), w0, "sine"))[0], x[0], 3, config)[
        None
    ]


@pytest.mark.parametrize(
    "evaluate",
    [
        tiled_values,
        partial(fused_values, precision="tf32"),
        partial(fused_values, precision="tf32x3"),
        mapped_to_tiny_cuda_nn,
    ],
    ids=["torch, tiled", "triton, tf32", "triton, tf32x3", "tcnn in single precision"],
)
def test_psnr_of_a_trained_field_is_that_of_plain_torch(
    evaluate: Callable[..., Tensor],
    trained: tuple[Tensor, Tensor, list[Tensor], list[Tensor]],
    device: torch.device,
) -> None:
    if isinstance(evaluate, partial):
        pytest.importorskip("triton", reason="Triton is not installed")
    x, target, weights, biases = trained
    plain = psnr(reference_values(x, weights, biases, W0, "sine"), target)
    assert plain > 30.0
    on = device if isinstance(evaluate, partial) else torch.device("cpu")
    values = evaluate(x.to(on), [w.to(on) for w in weights], [b.to(on) for b in biases], W0, "sine")
    print(f"PSNR {psnr(values, target):.3f} dB, plain torch {plain:.3f} dB")
    assert abs(psnr(values, target) - plain) < 0.05
