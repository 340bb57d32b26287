"""Notices a stage 1 that has learned nothing: it errs as much as the best constant would, the same value everywhere.

A run that has begun too fast ends in fog or noise, with a loss that is finite and says nothing to whoever brings data.
Noise may have the mean colours of each scene, and err less than one constant for all; but then it learns no more.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mnif_core.errors import TrainingError
from mnif_core.files.notes import tell

FEWEST_STEPS = 150  # optimiser steps before which a healthy run may not have begun to learn
LEARNED = 0.97  # share of the constant's error below which something has been learned
NOTHING = 0.999  # share from which nothing has been learned; between the two the next verdict tells
STALLED = 0.95  # of the error a tenth of the stage before: above it nothing more is being learned
FAR = 0.5  # share of the constant's error above which there may be much left to learn
SLOWER = 0.35  # rates after a collapse, of those before
ATTEMPTS = 3  # at stage 1, each slower than the last


class Collapse(TrainingError):
    """Stage 1 errs as the best constant does or more, learns no more though much is left, or has no finite loss."""


class CollapseWatch:
    """Compares the error of the later steps of each tenth of a stage with that of the best constant for their targets.

    The earlier half of each tenth does not count: the first steps of any run err more than the constant. In the first
    half of the stage the error is compared with that of the tenth before too, as long as much is left to learn. But
    not in the last attempt: what learns slowly at every rate has data of which little can be learned, such as objects
    before backgrounds that change from view to view.

    Args:
        steps: of the stage. One shorter than `FEWEST_STEPS` is never judged.
        channels: k of the targets.
        device: of errors and targets: taking note waits for nothing there.

    Attributes:
        totals: sums over what the next verdict is about `[2 + 2 k]`, in float64, which a resumed run takes up.
        before: error at the last verdict `[]`, in float64, 0 before the first; taken up too.
    """

    def __init__(self, steps: int, channels: int, device: torch.device | str = "cpu") -> None:
        self.every, self.steps = max(steps // 10, FEWEST_STEPS), steps
        self.before = torch.zeros((), dtype=torch.float64, device=device)
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

    def judge(
        self, done: int, together: Callable[[Tensor], Tensor] = lambda totals: totals, attempt: int | Tensor = 0
    ) -> None:
        """Judge the later half of the steps since the last verdict, if one is due.

        Args:
            done: steps of the stage that are done.
            together: sums the totals of all processes.
            attempt: at the stage, from 0 `[]`.

        Raises:
            Collapse: nothing has been learned, or no more, or what was is lost.
        """
        if done % self.every == self.every // 2:
            self.totals.zero_()
        if done % self.every:
            return
        found, constant = errors(together(self.totals.clone()))
        before = float(self.before)
        self.forget()
        last = done + self.every > self.steps
        if not found < (LEARNED if last else NOTHING) * constant and constant > 0.0:
            raise Collapse(f"step {done}: squared error {found:.4g}, of the best constant {constant:.4g}")
        stalled = 0.0 < STALLED * before < found
        may_go_on = done > self.steps // 2 or int(attempt) + 1 == ATTEMPTS
        if stalled and found > (LEARNED if may_go_on else FAR) * constant > 0.0:
            raise Collapse(
                f"step {done}: squared error {found:.4g}, a tenth before {before:.4g}, "
                f"of the best constant {constant:.4g}"
            )
        self.before.fill_(found)

    def forget(self) -> None:
        """Begin anew, as an attempt does."""
        self.totals.zero_()
        self.before.zero_()


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
        tell(f"Nothing was learned ({collapse}); stage 1 starts again at {slowed(attempt):.2g} of its rates.")
    return attempt
