"""Gradients of two ways to compute the same, compared."""

from collections.abc import Sequence

import torch
from torch import Tensor


def assert_same_gradients(
    one: Tensor, other: Tensor, variables: Sequence[Tensor], weight: Tensor, atol: float, rtol: float
) -> None:
    """Those of `one` and `other` by each variable, both pulled back from `weight`."""
    pulled = (torch.autograd.grad(values, variables, weight) for values in (one, other))
    for ours, theirs in zip(*pulled, strict=True):
        torch.testing.assert_close(ours, theirs, atol=atol, rtol=rtol)
