"""Instance networks for tests: weights and biases as SIREN starts them."""

import torch
from torch import Tensor

from mnif_core.networks.siren import linear_bias_uniform_, siren_uniform_


def random_networks(
    instances: int, dims: int, width: int, hidden: int, outputs: int, w0: float = 30.0, seed: int = 0
) -> tuple[list[Tensor], list[Tensor]]:
    """Weights `[s, o, i]` and biases `[s, o]` of hidden + 2 layers."""
    torch.manual_seed(seed)
    channels = [dims, *[width] * (hidden + 1), outputs]
    shapes = list(zip(channels[1:], channels, strict=False))
    weights = [siren_uniform_(torch.empty(instances, o, i), n == 0, w0) for n, (o, i) in enumerate(shapes)]
    return weights, [linear_bias_uniform_(torch.empty(instances, o), i) for o, i in shapes]
