"""What a stage of a run is: it can take a step, be scored, be saved and go on; and what both stages share."""

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from mnif_core.errors import ConfigError, TrainingError
from mnif_core.preset_config import StageConfig
from mnif_core.seeds import mixed_seed


class Stage(Protocol):
    """What the loop needs of a stage."""

    name: str
    steps: int

    def step(self, number: int) -> dict[str, float]:
        """Take step `number` and return what to show of it; the same number always draws the same."""
        ...

    def score(self) -> float:
        """How good the weights are on held-out instances; higher is better."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """What the artefact takes from this stage."""
        ...

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of `weights`."""
        ...

    def progress(self) -> dict[str, Tensor]:
        """What the stage needs besides `weights` to go on: optimisers."""
        ...

    def load_progress(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of `progress`."""
        ...


def step_generator(seed: int, stage: int, number: int) -> torch.Generator:
    """Random numbers of one step: a run that goes on draws what it would have drawn."""
    return torch.Generator().manual_seed(mixed_seed(seed, stage, number))


def batch_of(number: int, size: int, count: int, seed: int) -> Tensor:
    """Instances `[size]` of step `number`: all of them once in random order, then all again in another."""
    first = number * size
    epochs = range(first // count, (first + size - 1) // count + 1)
    orders = [torch.randperm(count, generator=step_generator(seed, 0, epoch)) for epoch in epochs]
    start = first - epochs.start * count
    return torch.cat(orders)[start : start + size]


def optimizer_step(
    module: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    rates: list[list[float]],
    config: StageConfig,
    number: int,
    steps: int,
    loss: float,
    failure: type[TrainingError] = TrainingError,
) -> None:
    """One step of every optimiser at the rates of step `number`, if loss and gradient are finite."""
    parameters = [parameter for parameter in module.parameters() if parameter.grad is not None]
    norm = float(nn.utils.clip_grad_norm_(parameters, config.clip_norm or math.inf))
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise failure(
            f"step {number}: loss {loss:g}, gradient norm {norm:g}; the last checkpoint is whole, "
            "train anew with a lower rate or another seed"
        )
    factor = 0.5 * (1.0 + math.cos(math.pi * number / steps))
    if config.warmup_steps:
        factor *= min(1.0, (number + 1) / config.warmup_steps)
    for optimizer, own in zip(optimizers, rates, strict=True):
        for group, rate in zip(optimizer.param_groups, own, strict=True):
            group["lr"] = rate * factor
        optimizer.step()


def rates_of(optimizers: list[torch.optim.Optimizer]) -> list[list[float]]:
    """Rates of each optimiser's groups, as they stand."""
    return [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]


def require_divisible(config: StageConfig, processes: int) -> None:
    """Refuse batches that processes cannot share evenly.

    Raises:
        ConfigError: they cannot.
    """
    if config.batch_size % processes:
        raise ConfigError(
            f"a batch of {config.batch_size} cannot be shared by {processes} processes; choose a multiple"
        )
