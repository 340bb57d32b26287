"""Linear layers of a batch of instances. Shape letters: s instances, p points, i/o channels."""

import torch
from torch import Tensor


def scaled(weight: Tensor, factor: float) -> Tensor:
    """`weight` `[s, o, i]` times `factor`; what is one tensor expanded to all instances stays one."""
    if factor == 1.0:
        return weight
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


def _is_shared(weight: Tensor) -> bool:
    return weight.stride(0) == 0
