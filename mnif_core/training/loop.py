"""One loop for every stage: progress, scores, the best weights, checkpoints."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mnif_core.files.notes import tell
from mnif_core.training.stages import Stage

SHOW_EVERY = 10  # steps between updates of the progress line


@dataclass(frozen=True)
class Best:
    """The weights of a stage that have scored best so far."""

    score: float
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class Reached:
    """How far a stage has come, besides what it keeps itself."""

    steps: int = 0
    """That are done."""
    seconds: float = 0.0
    """That they have taken, in all runs."""
    best: Best | None = None
    """None before the first score."""


def run_stage(
    stage: Stage,
    writer: SummaryWriter | None,
    reached: Reached = Reached(),
    *,
    score_every: int | None = None,
    checkpoint_every: int | None = None,
    checkpoint: Callable[[Reached], None] | None = None,
) -> Reached:
    """Take a stage's remaining steps, and leave it with its best weights.

    Args:
        stage: what to train.
        writer: of TensorBoard's log; none on all processes but the first, which alone shows progress.
        reached: where to go on from.
        score_every: steps between scores on held-out instances; none where nothing is held out.
        checkpoint_every: steps between checkpoints. None: one at the end alone.
        checkpoint: called with how far the stage has come; none where nothing is to be kept.

    Returns:
        How far it has come: to its end.
    """
    started, best, done = time.perf_counter() - reached.seconds, reached.best, reached.steps
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, disable=writer is None) as progress:
        task = progress.add_task(stage.name, total=stage.steps, completed=done, figures="")
        while done < stage.steps:
            figures = stage.step(done)
            done += 1
            if _due(done, SHOW_EVERY, stage):
                speed = done / (time.perf_counter() - started)
                shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
                if best is not None:
                    shown += f"  best {best.score:.4g}"
                progress.update(task, completed=done, figures=f"{shown}  {speed:.1f} steps/s")
                _log(writer, stage, figures | {"steps per second": speed}, done)
            if score_every is not None and _due(done, score_every, stage):
                score = stage.score()
                _log(writer, stage, {"held-out score": score}, done)
                if writer is not None and not progress.console.is_terminal:
                    tell(f"{stage.name}: {done} of {stage.steps} steps, held-out score {score:.4g}")
                if best is None or score > best.score or not math.isfinite(best.score):
                    copies = {name: value.detach().cpu().clone() for name, value in stage.weights().items()}
                    best = Best(score, copies)
            if checkpoint is not None and _due(done, checkpoint_every, stage):
                checkpoint(Reached(done, time.perf_counter() - started, best))
    if best is not None:
        stage.load_weights(best.weights)
    return Reached(done, time.perf_counter() - started, best)


def _due(done: int, every: int | None, stage: Stage) -> bool:
    return done == stage.steps or (every is not None and done % every == 0)


def _log(writer: SummaryWriter | None, stage: Stage, figures: Mapping[str, float], step: int) -> None:
    if writer is not None:
        for name, value in figures.items():
            writer.add_scalar(f"{stage.name}/{name}", value, step)
