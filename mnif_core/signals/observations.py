"""What a modality gives to fitting: coordinates and the values to meet there."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from mnif_core.signals.protocol import Signal

Own = TypeVar("Own", bound="Observations")


class Observations(Protocol):
    """A set of instances, each known at the same number of points."""

    names: list[str]
    """One per instance."""
    points: int
    """Points known of every instance."""

    @property
    def signal(self) -> Signal:
        """What values mean and how they are shown."""
        ...

    def observe(self, index: Tensor, chosen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Coordinates `[s, p, d]` and targets `[s, p, k]` in [-1, 1] of the instances `index` `[s]`.

        Args:
            index: which instances.
            chosen: `[s, p]`, which points of each. None: all, in order.
        """
        ...

    def pictures(self, index: Tensor) -> Tensor | None:
        """The data's own pictures of the instances `index` `[s]`, as `Signal.draw` makes them of fields.

        `[s, height, width, 3]` in [0, 1], on the CPU; none where instances are known at points only.
        """
        ...

    def to(self: Own, device: torch.device) -> Own:
        """On `device`, so that a step needs no transfer."""
        ...

    def subset(self: Own, index: Sequence[int]) -> Own:
        """Only the instances `index`, in that order."""
        ...


def split(observations: Own, share: float, seed: int) -> tuple[Own, Own]:
    """Set a share of the instances (at least one) aside, drawn by seed: what to train on, and what is held out."""
    count = len(observations.names)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    held_out = max(1, round(share * count))
    return observations.subset(sorted(order[held_out:])), observations.subset(sorted(order[:held_out]))
