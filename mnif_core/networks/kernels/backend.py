"""What evaluates SIRENs: values, a loss with its gradient, the gradient of a squared error by the weights.

Shape letters: s instances (g of them at once), p points (c of them at once), d coordinates, k values.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from mnif_core.networks.siren import Siren
from mnif_core.networks.weight_gradient import NetworkGradient, layered_gradient


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


class Backend(ABC):
    """One way to evaluate SIRENs. What a backend has no better way for is done in plain torch."""

    works_in_pieces: ClassVar[bool] = False
    """Whether memory is bounded for any number of points."""

    @abstractmethod
    def why_not(self, siren: Siren, coordinates: Tensor) -> str | None:
        """What keeps it from evaluating `siren` at `[s, p, d]`, as half a sentence. None: it serves."""

    @abstractmethod
    def values(self, siren: Siren, coordinates: Tensor) -> Tensor:
        """Every network at its own points: `[s, p, d]` -> `[s, p, k]`, where `why_not` finds nothing."""

    def loss(self, siren: Siren, coordinates: Tensor, criterion: Criterion) -> Tensor:
        """What `criterion` says of every network at its own points: `[s, p, d]` -> `[s]`, differentiable once."""
        return _Whole.apply(self.values(siren, coordinates), criterion)

    def squared_error_gradient(self, siren: Siren, coordinates: Tensor, targets: Tensor) -> NetworkGradient:
        """See `InstanceNetworks.squared_error_gradient`."""
        return layered_gradient(siren, coordinates, targets)


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, criterion: Criterion) -> Tensor:
        losses, gradient = criterion(values, slice(0, values.shape[0]), slice(0, values.shape[1]))
        ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, by_losses: Tensor) -> tuple[Tensor, None]:
        refuse_graph()
        (gradient,) = ctx.saved_tensors
        return by_losses.view(-1, 1, 1) * gradient, None


def refuse_graph() -> None:
    """Keep a loss that is differentiable once from being differentiated twice."""
    # the gradient is a constant here: its derivative would be zero without a word
    if torch.is_grad_enabled():
        raise RuntimeError("a loss in one pass is differentiable once; differentiate the networks' values instead")
