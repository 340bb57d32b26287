"""A short part of `python -m tests.fuzz`: every subject, a few damages each, on every run of CI."""

import sys

import pytest

from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.worker import run_cases

EACH = 4


@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is bounded and measured on Linux")
def test_damaged_files_are_read_or_refused_in_one_line() -> None:
    outcomes = list(run_cases([(name, seed) for name in SUBJECTS for seed in range(EACH)]))
    assert len(outcomes) == EACH * len(SUBJECTS)
    assert [(outcome.subject, outcome.seed, outcome.said) for outcome in outcomes if outcome.kind == "fault"] == []
    assert any(outcome.kind == "refused" for outcome in outcomes)
