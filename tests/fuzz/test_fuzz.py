"""A short part of the fuzzer: a few damaged files of each kind; `python -m tests.fuzz` runs the whole."""

import random

import pytest

from tests.fuzz.mutations import VALUES, changed_json, damage_bytes, damage_text
from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.worker import run_cases

SEEDS = 2


def test_damaged_files_are_read_or_refused_in_one_line() -> None:
    outcomes = list(run_cases((name, seed) for name in SUBJECTS for seed in range(SEEDS)))
    faults = [f"--subject {o.subject} --only {o.seed}: {o.said}" for o in outcomes if o.kind == "fault"]
    assert len(outcomes) == SEEDS * len(SUBJECTS) and not faults, "\n".join(faults)
    assert {"read", "refused"} <= {outcome.kind for outcome in outcomes}


@pytest.mark.parametrize("damage", [damage_bytes, damage_text])
def test_a_seed_repeats_its_damage(damage: object) -> None:
    content = b"some words and 1 2 3 numbers\n" * 9
    done = [[damage(content, random.Random(seed)) for seed in range(50)] for _ in range(2)]  # type: ignore[operator]
    assert done[0] == done[1]
    assert len(set(done[0])) > 40 and sum(each != content for each in done[0]) > 45


def test_json_is_changed_at_any_depth() -> None:
    texts = {changed_json({"a": {"b": [1, {"c": 2}]}, "d": 3}, random.Random(seed)) for seed in range(3000)}
    assert len(texts) > len(VALUES)
    assert any('"c": -2' in text for text in texts) and any(text.endswith("}") and '"c"' not in text for text in texts)
