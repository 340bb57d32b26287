"""Successive halving (Jamieson and Talwalkar 2016): many settings for few steps, the best of them for more.

Every round takes as long as the others. A run of a later round starts anew, since its rates fall over its own length.
"""

from dataclasses import dataclass

from mnif_core.errors import ConfigError

FEWER = 3  # of so many settings one stays for the next round, which has as many times the steps
ROUNDS = 3
FEWEST_STEPS = 150  # of stage 1 in the first round: before them there is nothing to tell apart
PRIOR_SHARE = 0.25  # of a run's time of training


@dataclass(frozen=True)
class Trial:
    """What a first run has shown.

    Attributes:
        step: seconds of a step of stage 1.
        prior_step: seconds of a step of stage 2.
        other: seconds of a run besides: reading, refit, report, score.
        spent: seconds that the first run and its timing have taken of the budget.
    """

    step: float
    prior_step: float
    other: float
    spent: float


@dataclass(frozen=True)
class Round:
    """Runs of one round: how many, and their steps of either stage."""

    runs: int
    steps: int
    prior_steps: int


def plan(seconds: float, candidates: int, trial: Trial, most: int, most_prior: int) -> list[Round]:
    """Rounds that fit into `seconds`, none longer than a preset's `most` steps of stage 1 and `most_prior` of stage 2.

    Raises:
        ConfigError: too little time for a first round; the message says how much is needed.
    """
    rounds: list[Round] = []
    fewest = min(FEWEST_STEPS, most)
    for number in range(ROUNDS):
        runs = max(1, candidates // FEWER**number)
        training = (seconds - trial.spent) / ROUNDS / runs - trial.other
        prior_steps = max(1, min(most_prior, round(PRIOR_SHARE * training / trial.prior_step)))
        steps = round((training - prior_steps * trial.prior_step) / trial.step)
        if not rounds and steps < fewest:
            needed = trial.spent + ROUNDS * runs * (fewest * trial.step / (1.0 - PRIOR_SHARE) + trial.other)
            raise ConfigError(
                f"{seconds / 60:g} minutes are too few for {candidates} settings, each {fewest} steps or more; "
                f"pass --minutes {needed / 60 + 1:.0f}, or try fewer settings"
            )
        rounds.append(Round(runs, min(most, steps), prior_steps))
        if steps >= most or runs == 1:
            break
    return rounds
