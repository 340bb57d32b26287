"""Instance networks for tests: weights and biases as SIREN starts them, and what each backend gives for them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mnif_core.networks.initialisation import linear_bias_uniform_, siren_uniform_
from mnif_core.networks.kernels.cpu.backend import TILED
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.kernels.triton.launch import PRECISION, Fused, Precision
from mnif_core.networks.siren import OutputActivation, Siren


def random_networks(
    instances: int, dims: int, width: int, hidden: int, outputs: int, w0: float = 30.0, seed: int = 0
) -> tuple[list[Tensor], list[Tensor]]:
    """Weights `[s, o, i]` and biases `[s, o]` of hidden + 2 layers."""
    torch.manual_seed(seed)
    channels = [dims, *[width] * (hidden + 1), outputs]
    shapes = list(zip(channels[1:], channels, strict=False))
    weights = [siren_uniform_(torch.empty(instances, o, i), n == 0, w0) for n, (o, i) in enumerate(shapes)]
    return weights, [linear_bias_uniform_(torch.empty(instances, o), i) for o, i in shapes]


def reference_values(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], w0: float, output: OutputActivation
) -> Tensor:
    return REFERENCE.values(Siren(tuple(weights), tuple(biases), w0, output), x)


def tiled_values(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], w0: float, output: OutputActivation
) -> Tensor:
    return TILED.values(Siren(tuple(weights), tuple(biases), w0, output), x)


def fused_values(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    w0: float,
    output: OutputActivation,
    precision: Precision = PRECISION,
) -> Tensor:
    return Fused(precision).values(Siren(tuple(weights), tuple(biases), w0, output), x)
