"""Where a SIREN's weights and biases start (Sitzmann et al. 2020). Shape letters: i/o channels."""

import math

import torch
from torch import Tensor


def siren_uniform_(weight: Tensor, first: bool, w0: float) -> Tensor:
    """Fill `weight` in place with SIREN's initial distribution.

    Args:
        weight: any leading dimensions, then `[o, i]`.
        first: whether the layer reads coordinates: U(-1/i, 1/i); all others U(-sqrt(6/i)/w0, sqrt(6/i)/w0).
        w0: frequency scale of Eq. 5.
    """
    fan_in = weight.shape[-1]
    bound = 1.0 / fan_in if first else math.sqrt(6.0 / fan_in) / w0
    with torch.no_grad():
        return weight.uniform_(-bound, bound)


def linear_bias_uniform_(bias: Tensor, fan_in: int) -> Tensor:
    """Fill `bias` in place with U(-1/sqrt(i), 1/sqrt(i)), as the authors' code leaves it (the paper is silent)."""
    bound = 1.0 / math.sqrt(fan_in)
    with torch.no_grad():
        return bias.uniform_(-bound, bound)
