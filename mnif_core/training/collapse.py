"""Notices a stage 1 that has learned nothing: it errs as much as the best constant would, the same value everywhere.

A run that has begun too fast ends in fog or noise, with a loss that is finite and says nothing to whoever brings data.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mnif_core.errors import TrainingError

FEWEST_STEPS = 150  # optimiser steps before which a healthy run may not have begun to learn
LEARNED = 0.97  # share of the constant's error below which something has been learned
SLOWER = 0.35  # rates after a collapse, of those before
ATTEMPTS = 3  # at stage 1, each slower than the last


class Collapse(TrainingError):
    """Stage 1 errs as the best constant does or more, or its loss is not finite."""


class CollapseWatch:
    """Compares the error of the later steps of each tenth of a stage with that of the best constant for their targets.

    The earlier half of each tenth does not count: the first steps of any run err more than the constant.

    Args:
        steps: of the stage. One shorter than `FEWEST_STEPS` is never judged.
        channels: k of the targets.
        device: of errors and targets: taking note waits for nothing there.

    Attributes:
        totals: sums over what the next verdict is about `[2 + 2 k]`, in float64, which a resumed run takes up.
    """

    def __init__(self, steps: int, channels: int, device: torch.device | str = "cpu") -> None:
        self.every = max(steps // 10, FEWEST_STEPS)
        self.totals = torch.zeros(2 + 2 * channels, dtype=torch.float64, device=device)

    def see(self, error: Tensor, targets: Tensor) -> None:
        """Take note of a step.

        Args:
            error: mean squared error of the step, in the targets' units.
            targets: `[..., k]`, what was compared with.
        """
        values = targets.detach().flatten(0, -2).double()
        step = torch.stack([torch.ones_like(error), error.detach()]).double()
        self.totals += torch.cat([step, values.mean(0), values.square().mean(0)])

    def judge(self, done: int, together: Callable[[Tensor], Tensor] = lambda totals: totals) -> None:
        """Judge the later half of the steps since the last verdict, if one is due.

        Args:
            done: steps of the stage that are done.
            together: sums the totals of all processes.

        Raises:
            Collapse: nothing has been learned, or what was is lost.
        """
        if done % self.every == self.every // 2:
            self.totals.zero_()
        if done % self.every:
            return
        found, constant = errors(together(self.totals.clone()))
        self.totals.zero_()
        if not found < LEARNED * constant and constant > 0.0:
            raise Collapse(f"step {done}: squared error {found:.4g}, of the best constant {constant:.4g}")


def errors(totals: Tensor) -> tuple[float, float]:
    """Mean squared error of the steps in `totals` (see `CollapseWatch`), and that of the best constant."""
    channels = (len(totals) - 2) // 2
    steps, error, mean, square = totals.split([1, 1, channels, channels])
    return float(error / steps), float((square / steps - (mean / steps).square()).mean())


def slowed(attempt: int) -> float:
    """Factor of the rates in attempt number `attempt`, from 0."""
    return SLOWER**attempt


def next_attempt(collapse: Collapse, attempt: int, where: object, told: bool) -> int:
    """Number of the attempt that follows `attempt`, announced in a line if `told`.

    Raises:
        TrainingError: it was the last; `where` names the run.
    """
    if attempt + 1 == ATTEMPTS:
        raise TrainingError(
            f"{where}: nothing was learned in {ATTEMPTS} attempts, each slower ({collapse}); "
            "look at the data, or train with a lower w0"
        ) from collapse
    attempt += 1
    if told:
        print(
            f"Nothing was learned ({collapse}); stage 1 starts again at {slowed(attempt):.2g} of its rates.", flush=True
        )
    return attempt
