"""Rounds of successive halving fit their budget, and a budget that holds none is refused with what is needed."""

import re

import pytest

from mnif_core.errors import ConfigError
from mnif_core.evaluation.tuning_plan import FEWEST_STEPS, Round, Trial, plan

TRIAL = Trial(step=0.02, prior_step=0.01, other=5.0, spent=7.0)


def cost(each: Round) -> float:
    return each.runs * (each.steps * TRIAL.step + each.prior_steps * TRIAL.prior_step + TRIAL.other)


@pytest.mark.parametrize("candidates", [1, 2, 3, 9, 10])
@pytest.mark.parametrize("seconds", [1200.0, 7200.0])
def test_rounds_fit_and_grow(seconds: float, candidates: int) -> None:
    rounds = plan(seconds, candidates, TRIAL, 10**6, 1500)
    assert rounds[0].runs == candidates and rounds[-1].runs == 1
    assert TRIAL.spent + sum(cost(each) for each in rounds) <= seconds * 1.01
    assert all(a.runs > b.runs and a.steps < b.steps for a, b in zip(rounds, rounds[1:], strict=False))
    assert all(each.steps >= FEWEST_STEPS and each.prior_steps <= 1500 for each in rounds)


def test_no_run_is_longer_than_the_presets() -> None:
    assert plan(1e6, 9, TRIAL, 400, 100) == [Round(9, 400, 100)]


def test_too_little_time_names_what_is_needed() -> None:
    with pytest.raises(ConfigError, match="1 minutes are too few for 9 settings, each 150 steps or more") as raised:
        plan(60.0, 9, TRIAL, 5000, 1500)
    needed = re.search(r"--minutes (\d+)", str(raised.value))
    assert needed is not None
    assert plan(60.0 * int(needed[1]), 9, TRIAL, 5000, 1500)
