"""SIREN layers for a batch of instances (paper Sec. 3.1; Sitzmann et al. 2020).

Shape letters: s instances, p points, i input channels, o output channels.
"""

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


def scaled(weight: Tensor, factor: float) -> Tensor:
    """`weight` `[s, o, i]` times `factor`; what is one tensor expanded to all instances stays one."""
    return (weight[0] * factor).expand_as(weight) if _is_shared(weight) else weight * factor


def batched_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply one linear layer per instance.

    Args:
        x: `[s, p, i]`.
        weight: `[s, o, i]`; one tensor expanded to all instances is never copied for each.
        bias: `[s, o]`.

    Returns:
        `[s, p, o]`.
    """
    if _is_shared(weight):
        return x @ weight[0].T + bias.unsqueeze(1)
    return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))


def batched_linear_transposed(x: Tensor, weight: Tensor) -> Tensor:
    """The transpose of `batched_linear`, without bias: `[s, p, o]` and `[s, o, i]` -> `[s, p, i]`."""
    return x @ weight[0] if _is_shared(weight) else torch.bmm(x, weight)


def batched_sine(x: Tensor, weight: Tensor, bias: Tensor, w0: float) -> Tensor:
    """Apply one SIREN layer per instance, sin(w0 (W x + b)), Eq. 5; shapes as `batched_linear`, values in [-1, 1].

    w0 is folded into the weights: they are far smaller than the activations.
    """
    return torch.sin(batched_linear(x, scaled(weight, w0), bias * w0))


def _is_shared(weight: Tensor) -> bool:
    return weight.stride(0) == 0
