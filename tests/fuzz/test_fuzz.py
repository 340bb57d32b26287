"""A short part of the fuzzer: a few damaged files of each kind; `python -m tests.fuzz` runs the whole."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from mnif_core.errors import DataError
from tests.fuzz import cases
from tests.fuzz.cases import BUDGET, prepare, run_case
from tests.fuzz.mutations import VALUES, changed_json, damage_bytes, damage_text
from tests.fuzz.subject import Subject
from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.worker import run_cases

SEEDS = 2


def fail(error: Exception, cause: Exception | None = None) -> Any:
    def read(folder: Path) -> None:
        raise error from cause

    return read


@pytest.mark.parametrize("name", SUBJECTS)
def test_damaged_files_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    subject, template, scratch = SUBJECTS[name], tmp_path / "valid", tmp_path / "case"
    prepare(subject, template, scratch)
    for outcome in (run_case(subject, seed, template, scratch) for seed in range(SEEDS)):
        assert outcome.kind != "fault", f"--subject '{name}' --only {outcome.seed}: {outcome.said}"


@pytest.mark.parametrize(
    ("read", "kind", "said"),
    [
        (lambda folder: None, "read", ""),
        (fail(DataError("a: wrong; mend it")), "refused", "a: wrong; mend it"),
        (fail(DataError("wrong")), "fault", "not one line with path and remedy"),
        (fail(KeyError("a")), "fault", "KeyError: 'a'"),
        (fail(MemoryError()), "fault", "MemoryError"),
        (fail(DataError("a: wrong; mend it"), MemoryError()), "fault", "asked for too much memory"),
        (lambda folder: bytearray(4 * BUDGET), "fault", "MemoryError"),
        (lambda folder: time.sleep(99), "fault", "hangs"),
    ],
)
def test_what_is_a_fault(read: Any, kind: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "SECONDS", 0.2)
    (tmp_path / "valid").mkdir()
    (tmp_path / "valid/file").write_text("content")
    subject = Subject("a", lambda folder: None, "file", damage_bytes, read)
    outcome = run_case(subject, 0, tmp_path / "valid", tmp_path / "case")
    assert outcome.kind == kind and said in outcome.said


@pytest.mark.slow
def test_the_process_of_the_cases() -> None:
    outcomes = list(run_cases([("picture png", 0), ("srn pose", 3)]))
    assert [outcome.subject for outcome in outcomes] == ["picture png", "srn pose"]
    assert all(outcome.kind != "fault" for outcome in outcomes)


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
