"""The loop of a stage: it goes on from where it was, keeps the best weights, and says how far it has come."""

import math

import pytest
import torch
from torch import Tensor

from mnif_core.training.loop import Best, Reached, run_stage


class Counting:
    """A stage whose one weight is the number of steps taken, scored by `scores` in turn."""

    name, steps = "stage", 6

    def __init__(self, *scores: float) -> None:
        self.taken: list[int] = []
        self.weight = torch.zeros(())
        self.left = list(scores)

    def step(self, number: int) -> dict[str, float]:
        self.taken.append(number)
        self.weight += 1
        return {"loss": float(number)}

    def score(self) -> float:
        return self.left.pop(0)

    def weights(self) -> dict[str, Tensor]:
        return {"weight": self.weight}

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        self.weight.copy_(tensors["weight"])

    def progress(self) -> dict[str, Tensor]:
        return {}

    def load_progress(self, tensors: dict[str, Tensor]) -> None:
        pass


def test_a_stage_runs_to_its_end_without_further_wishes() -> None:
    stage = Counting()
    reached = run_stage(stage, None)
    assert stage.taken == list(range(6)) and reached.steps == 6 and reached.best is None
    assert reached.seconds > 0


def test_it_goes_on_from_where_it_was() -> None:
    stage = Counting()
    reached = run_stage(stage, None, Reached(4, 100.0))
    assert stage.taken == [4, 5] and reached.seconds > 100.0
    again = run_stage(stage, None, reached)
    assert stage.taken == [4, 5] and again.steps == 6


def test_it_ends_with_the_best_weights() -> None:
    stage = Counting(1.0, 3.0, 2.0)
    reached = run_stage(stage, None, score_every=2)
    assert reached.best is not None and reached.best.score == 3.0
    assert float(stage.weight) == 4.0  # not moved on by the steps after


@pytest.mark.parametrize(("earlier", "ends_at"), [(5.0, 40.0), (math.nan, 2.0)])
def test_the_best_of_an_earlier_run_stays_unless_it_is_no_number(earlier: float, ends_at: float) -> None:
    stage = Counting(1.0)
    run_stage(stage, None, Reached(4, best=Best(earlier, {"weight": torch.tensor(40.0)})), score_every=6)
    assert float(stage.weight) == ends_at


def test_checkpoints_are_asked_for_in_turn_and_at_the_end() -> None:
    seen: list[Reached] = []
    run_stage(Counting(1.0), None, score_every=6, checkpoint_every=4, checkpoint=seen.append)
    assert [now.steps for now in seen] == [4, 6]
    assert seen[0].best is None and seen[1].best is not None
    only: list[Reached] = []
    run_stage(Counting(), None, checkpoint=only.append)
    assert [now.steps for now in only] == [6]
