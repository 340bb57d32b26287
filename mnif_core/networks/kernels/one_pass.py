"""A loss of instance networks together with its gradient, in one pass: what training needs, once.

A loss that knows its own gradient by the values lets a tile go forwards and backwards at once, where autograd would
evaluate all tiles for the loss and all of them again for the gradient.
Shape letters: s instances (g of a tile), p points (c of a tile), d coordinates, k values, o/i channels.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from mnif_core.networks.kernels.cpu.backward import pull_back


class Criterion(Protocol):
    """A loss of each instance that is a sum over its points, or over runs of them.

    Attributes:
        together: points of a run, such as the samples of a ray; tiles do not cut it.
    """

    together: int

    def __call__(self, values: Tensor, instances: slice, points: slice) -> tuple[Tensor, Tensor]:
        """What some points give.

        Args:
            values: `[g, c, k]`.
            instances: which instances these are.
            points: which of their points.

        Returns:
            Their part of each instance's loss `[g]`, and its gradient by `values`, alike.
        """
        ...


def tiled_loss(coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool, criterion: Criterion) -> Tensor:
    """The loss of each instance `[s]`, tile by tile on a CPU; differentiable once, by the weights.

    Args:
        coordinates: `[s, p, d]`.
        folded: per layer `[s, o, i]`, see `tiled.fold`.
        sine_output: whether the last layer has a sine too.
        criterion: what is lost.
    """
    return _Tiled.apply(coordinates, criterion, sine_output, *folded)  # type: ignore[no-any-return]


def whole_loss(values: Tensor, criterion: Criterion) -> Tensor:
    """The loss of each instance `[s]` for values `[s, p, k]`; differentiable once."""
    return _Whole.apply(values, criterion)  # type: ignore[no-any-return]


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coordinates: Tensor, criterion: Criterion, sine_output: bool, *folded: Tensor) -> Tensor:
        losses = coordinates.new_zeros(len(coordinates))

        def error_of(values: Tensor, group: slice, chunk: slice) -> Tensor:
            loss, gradient = criterion(values, group, chunk)
            losses[group] += loss
            return gradient

        ctx.save_for_backward(*pull_back(coordinates, folded, sine_output, error_of, criterion.together)[1])
        return losses

    @staticmethod
    def backward(ctx: Any, by_losses: Tensor) -> tuple[Tensor | None, ...]:
        _refuse_graph()
        return (None, None, None, *(by_losses.view(-1, 1, 1) * gradient for gradient in ctx.saved_tensors))


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, criterion: Criterion) -> Tensor:
        losses, gradient = criterion(values, slice(0, values.shape[0]), slice(0, values.shape[1]))
        ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, by_losses: Tensor) -> tuple[Tensor, None]:
        _refuse_graph()
        (gradient,) = ctx.saved_tensors
        return by_losses.view(-1, 1, 1) * gradient, None


def _refuse_graph() -> None:
    # the gradient is a constant here: its derivative would be zero without a word
    if torch.is_grad_enabled():
        raise RuntimeError("a loss in one pass is differentiable once; differentiate the networks' values instead")
