"""Where a run's scenes lie and what is behind them, as checkpoints hold it."""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from mnif_core.rendering.box import Box, Corner
from mnif_core.signals.scenes import SceneSignal

NOWHERE: Box = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def space_of(signal: SceneSignal) -> Tensor:
    """Low and high corner of the box, both the origin where there is none, and the background: `[3, 3]` float64."""
    return torch.tensor([*(signal.box or NOWHERE), signal.background], dtype=torch.float64)


def with_space(signal: SceneSignal, space: Tensor) -> SceneSignal:
    """`signal` with the box and the background that `space` `[3, 3]` holds."""
    low, high, background = (cast(Corner, tuple(row)) for row in space.tolist())
    box = None if (low, high) == NOWHERE else (low, high)
    return replace(signal, box=box, background=background)
