"""One loop for every stage: progress, scores, the best weights, checkpoints."""

import math
import time
from collections.abc import Callable
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mnif_core.training.stages import Stage

SHOW_EVERY = 10  # steps between updates of the progress line


def run_stage(
    stage: Stage,
    first: int,
    seconds: float,
    best: tuple[float, dict[str, Tensor]] | None,
    score_every: int | None,
    checkpoint_every: int,
    checkpoint: Callable[[int, float, tuple[float, dict[str, Tensor]] | None], None],
    writer: SummaryWriter | None,
) -> tuple[float, float | None]:
    """Take a stage's remaining steps, and leave it with its best weights.

    Args:
        stage: what to train.
        first: step to go on from.
        seconds: that earlier runs of this stage have taken.
        best: best score and its weights so far.
        score_every: steps between scores on held-out instances; none where nothing is held out.
        checkpoint_every: steps between checkpoints.
        checkpoint: called with steps done, seconds and best.
        writer: of TensorBoard's log; none on all processes but the first, which alone shows progress.

    Returns:
        Seconds that the stage has taken in all, and its best score.
    """
    started = time.perf_counter() - seconds
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, disable=writer is None) as progress:
        task = progress.add_task(stage.name, total=stage.steps, completed=first, figures="")
        for number in range(first, stage.steps):
            figures = stage.step(number)
            done = number + 1
            if done % SHOW_EVERY == 0 or done == stage.steps:
                elapsed = time.perf_counter() - started
                speed = done / elapsed
                shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
                if best is not None:
                    shown += f"  best {best[0]:.4g}"
                progress.update(task, completed=done, figures=f"{shown}  {speed:.1f} steps/s")
                _log(writer, stage, figures | {"steps per second": speed}, done)
            if score_every is not None and (done % score_every == 0 or done == stage.steps):
                score = stage.score()
                _log(writer, stage, {"held-out score": score}, done)
                if writer is not None and not progress.console.is_terminal:
                    print(f"{stage.name}: {done} of {stage.steps} steps, held-out score {score:.4g}", flush=True)
                if best is None or score > best[0] or not math.isfinite(best[0]):
                    best = (score, {name: value.detach().cpu().clone() for name, value in stage.weights().items()})
            if done % checkpoint_every == 0 or done == stage.steps:
                checkpoint(done, time.perf_counter() - started, best)
    if best is not None:
        stage.load_weights(best[1])
    return time.perf_counter() - started, None if best is None else best[0]


def _log(writer: SummaryWriter | None, stage: Stage, figures: dict[str, Any], step: int) -> None:
    if writer is not None:
        for name, value in figures.items():
            writer.add_scalar(f"{stage.name}/{name}", value, step)
