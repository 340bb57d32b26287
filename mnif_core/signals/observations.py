"""What a modality gives to fitting: coordinates and the values to meet there."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Observations(Protocol):
    """A set of instances, each known at the same number of points."""

    signal: Any
    """How values are shown, for instance an `ImageSignal`."""
    names: list[str]
    """One per instance."""
    points: int
    """Points known of every instance."""

    def observe(self, index: Tensor, chosen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Coordinates `[s, p, d]` and targets `[s, p, k]` in [-1, 1] of the instances `index` `[s]`.

        Args:
            index: which instances.
            chosen: `[s, p]`, which points of each. None: all, in order.
        """
        ...

    def to(self, device: torch.device) -> "Observations":
        """On `device`, so that a step needs no transfer."""
        ...

    def subset(self, index: Sequence[int]) -> "Observations":
        """Only the instances `index`, in that order."""
        ...


def split(observations: Observations, share: float, seed: int) -> tuple[Observations, Observations]:
    """Set a share of the instances (at least one) aside, drawn by seed: what to train on, and what is held out."""
    count = len(observations.names)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    held_out = max(1, round(share * count))
    return observations.subset(sorted(order[held_out:])), observations.subset(sorted(order[:held_out]))
