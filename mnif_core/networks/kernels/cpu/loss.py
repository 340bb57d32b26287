"""A loss of instance networks together with its gradient, in one pass: what training needs, once.

A loss that knows its own gradient by the values lets a tile go forwards and backwards at once, where autograd would
evaluate all tiles for the loss and all of them again for the gradient.
Shape letters: s instances (g of a tile), p points (c of a tile), d coordinates, k values, o/i channels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mnif_core.networks.kernels.backend import Criterion, refuse_graph
from mnif_core.networks.kernels.cpu.backward import pull_back
from mnif_core.networks.siren import Features


def tiled_loss(
    coordinates: Tensor,
    folded: Sequence[Tensor],
    sine_output: bool,
    criterion: Criterion,
    features: Features | None = None,
) -> Tensor:
    """The loss of each instance `[s]`, tile by tile on a CPU; differentiable once, by the weights.

    Args:
        coordinates: `[s, p, d]`.
        folded: per layer `[s, o, i]`, see `Siren.folded`.
        sine_output: whether the last layer has a sine too.
        criterion: what is lost.
        features: see `Siren.features`.
    """
    return _Tiled.apply(coordinates, criterion, sine_output, features, *folded)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        coordinates: Tensor,
        criterion: Criterion,
        sine_output: bool,
        features: Features | None,
        *folded: Tensor,
    ) -> Tensor:
        losses = coordinates.new_zeros(len(coordinates))

        def error_of(values: Tensor, group: slice, chunk: slice) -> Tensor:
            loss, gradient = criterion(values, group, chunk)
            losses[group] += loss
            return gradient

        found = pull_back(coordinates, folded, sine_output, error_of, criterion.together, features=features)[1]
        ctx.save_for_backward(*found)
        return losses

    @staticmethod
    def backward(ctx: Any, by_losses: Tensor) -> tuple[Tensor | None, ...]:
        refuse_graph()
        return (None, None, None, None, *(by_losses.view(-1, 1, 1) * gradient for gradient in ctx.saved_tensors))
