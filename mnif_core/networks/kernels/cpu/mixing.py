"""Products of a few rows of coefficients with large bases on a CPU, cut so that all its cores share them.

A matrix library cuts the rows of a product among its threads: here there are as few as instances in a batch, and the
bases, which are read once and hardly used, pass through one core, or are packed for nothing. So columns or rows of the
bases are cut into blocks, whose products are one batch. All three products are each other's gradients, so that they
can be differentiated any number of times.
Shape letters: s instances, m bases, n numbers of a basis.
"""

from typing import Any

import torch
from torch import Tensor

FEW = 16  # instances; from there on a plain product is as good
LARGE = 1 << 18  # numbers of all bases; below, one core's cache holds them
COLUMNS = 1024  # of a block


def mixed(alphas: Tensor, bases: Tensor) -> Tensor:
    """The averages alpha B `[s, n]` of bases B `[m, n]` by coefficients alpha `[s, m]` (Eq. 8-9)."""
    return _Mixed.apply(alphas, bases) if _cut(alphas, bases) else alphas @ bases


def by_coefficients(gradient: Tensor, bases: Tensor) -> Tensor:
    """The gradient G B^T `[s, m]` by coefficients, of a gradient G `[s, n]` by averages of bases B `[m, n]`."""
    return _ByCoefficients.apply(gradient, bases) if _cut(gradient, bases) else gradient @ bases.T


def by_bases(alphas: Tensor, gradient: Tensor) -> Tensor:
    """The gradient alpha^T G `[m, n]` by bases, for coefficients alpha `[s, m]` and a gradient G `[s, n]`."""
    return _ByBases.apply(alphas, gradient)


def _cut(rows: Tensor, bases: Tensor) -> bool:
    large = bases.numel() >= LARGE and bases.shape[1] % COLUMNS == 0
    return large and 1 < len(rows) <= FEW and bases.device.type == "cpu"


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alphas: Tensor, bases: Tensor) -> Tensor:
        ctx.save_for_backward(alphas, bases)
        blocks = bases.unflatten(1, (-1, COLUMNS)).transpose(0, 1)
        return torch.bmm(alphas.expand(len(blocks), -1, -1), blocks).transpose(0, 1).flatten(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        alphas, bases = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return by_coefficients(gradient, bases) if first else None, by_bases(alphas, gradient) if second else None


class _ByCoefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, bases: Tensor) -> Tensor:
        ctx.save_for_backward(gradient, bases)
        blocks = bases.unflatten(1, (-1, COLUMNS)).permute(1, 2, 0)
        return torch.bmm(gradient.unflatten(1, (-1, COLUMNS)).transpose(0, 1), blocks).sum(0)

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        gradient, bases = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return mixed(outer, bases) if first else None, by_bases(outer, gradient) if second else None


class _ByBases(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alphas: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(alphas, gradient)
        rows = 8 if len(alphas) <= 4 else 16
        if alphas.shape[1] % rows:
            return alphas.T @ gradient
        blocks = alphas.unflatten(1, (-1, rows)).permute(1, 2, 0)
        return torch.bmm(blocks, gradient.expand(len(blocks), -1, -1)).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        alphas, gradient = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return by_coefficients(gradient, outer) if first else None, mixed(alphas, outer) if second else None
