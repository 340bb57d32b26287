"""Where a run's scenes lie and what is behind them, as checkpoints hold it."""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from mnif_core.rendering.box import Corner
from mnif_core.signals.scenes import SceneSignal


def space_of(signal: SceneSignal) -> Tensor:
    """Low and high corner of the box, NaN where there is none, and the background: `[3, 3]` float64."""
    nowhere = (float("nan"),) * 3
    return torch.tensor([*(signal.box or (nowhere, nowhere)), signal.background], dtype=torch.float64)


def with_space(signal: SceneSignal, space: Tensor) -> SceneSignal:
    """`signal` with the box and the background that `space` `[3, 3]` holds."""
    low, high, background = (cast(Corner, tuple(row)) for row in space.tolist())
    box = None if bool(space[:2].isnan().any()) else (low, high)
    return replace(signal, box=box, background=background)
