"""Learning-rate schedule of one stage, in plain Python floats so that checkpoints hold no numpy objects."""

import math
from dataclasses import dataclass, field
from typing import Any

from nerfstudio.engine.schedulers import Scheduler, SchedulerConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


@dataclass
class StageCosineSchedulerConfig(SchedulerConfig):
    """Cosine annealing to zero over one stage, constant before it (nerfstudio ticks every schedule in both stages)."""

    _target: type[Any] = field(default_factory=lambda: StageCosineScheduler)
    """Target class to instantiate."""
    warmup_steps: int = 0
    """Steps of linear warm-up at the start of the stage; the paper has none."""
    start_step: int = 0
    """First step of the stage. Set by the trainer from the pipeline's stages."""
    num_steps: int = 1
    """Steps in the stage. Set by the trainer from the pipeline's stages."""
    share: float = 1.0
    """Of the rate that is used at all. Set by the trainer, at any time, where an attempt at the stage has failed."""


class StageCosineScheduler(Scheduler):
    """Builds the schedule that `StageCosineSchedulerConfig` describes."""

    config: StageCosineSchedulerConfig

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LRScheduler:
        """Return a scheduler that multiplies `lr_init` by the factor of the step."""
        warmup, start, total = self.config.warmup_steps, self.config.start_step, max(1, self.config.num_steps)

        def factor(step: int) -> float:
            done = min(max(step - start, 0), total)
            ramp = min(1.0, (done + 1) / warmup) if warmup else 1.0
            return self.config.share * ramp * 0.5 * (1.0 + math.cos(math.pi * done / total))

        return LambdaLR(optimizer, factor)
