"""Products of a few rows of coefficients with large bases on a CPU, cut so that all its cores share them.

A matrix library cuts the rows of a product among its threads: here there are as few as instances in a batch, and the
bases, which are read once and hardly used, pass through one core, or are packed for nothing. So columns or rows of the
bases are cut into blocks, whose products are one batch. All three products are each other's gradients, so that they
can be differentiated any number of times.
Shape letters: s instances, m bases, n numbers of a basis.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]

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


class _Product(torch.autograd.Function):
    """A product whose two gradients, each of its own gradient and both factors, are such products too."""

    @staticmethod
    def keep(ctx: Any, first: Tensor, second: Tensor, by_first: _Gradient, by_second: _Gradient) -> None:
        ctx.save_for_backward(first, second)
        ctx.gradients = by_first, by_second

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        wanted = zip(ctx.needs_input_grad, ctx.gradients, strict=True)
        return tuple(by(gradient, *ctx.saved_tensors) if needed else None for needed, by in wanted)


class _Mixed(_Product):
    @staticmethod
    def forward(ctx: Any, alphas: Tensor, bases: Tensor) -> Tensor:
        _Product.keep(ctx, alphas, bases, lambda g, _, b: by_coefficients(g, b), lambda g, a, _: by_bases(a, g))
        blocks = bases.unflatten(1, (-1, COLUMNS)).transpose(0, 1)
        return torch.bmm(alphas.expand(len(blocks), -1, -1), blocks).transpose(0, 1).flatten(1)


class _ByCoefficients(_Product):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, bases: Tensor) -> Tensor:
        _Product.keep(ctx, gradient, bases, lambda g, _, b: mixed(g, b), lambda g, given, _: by_bases(g, given))
        blocks = bases.unflatten(1, (-1, COLUMNS)).permute(1, 2, 0)
        return torch.bmm(gradient.unflatten(1, (-1, COLUMNS)).transpose(0, 1), blocks).sum(0)


class _ByBases(_Product):
    @staticmethod
    def forward(ctx: Any, alphas: Tensor, gradient: Tensor) -> Tensor:
        _Product.keep(ctx, alphas, gradient, lambda g, _, given: by_coefficients(given, g), lambda g, a, _: mixed(a, g))
        rows = 8 if len(alphas) <= 4 else 16
        if alphas.shape[1] % rows:
            return alphas.T @ gradient
        blocks = alphas.unflatten(1, (-1, rows)).permute(1, 2, 0)
        return torch.bmm(blocks, gradient.expand(len(blocks), -1, -1)).flatten(0, 1)
