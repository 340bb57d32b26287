"""Lines reach whoever collects or listens, from all threads, and are printed where nobody collects them."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from mnif_core.files.notes import collected_notes, logger, note, tell


def test_notes_are_collected_from_all_threads_and_printed_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with collected_notes() as lines, ThreadPoolExecutor(4) as pool:
        list(pool.map(note, [f"{i}.png: turned" for i in range(20)]))
    assert sorted(lines) == sorted(f"{i}.png: turned" for i in range(20))
    assert capsys.readouterr() == ("", "")
    note("a.png: turned")
    tell("3 of 4 steps")
    assert capsys.readouterr() == ("3 of 4 steps\n", "a.png: turned\n")


def test_blocks_within_blocks_each_have_their_notes() -> None:
    with collected_notes() as outer:
        note("a")
        with collected_notes() as inner:
            note("b")
    assert (outer, inner) == (["a", "b"], ["b"])


def test_a_program_listens_or_silences(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    tell("heard")
    assert [(record.name, record.levelno, record.message) for record in caplog.records] == [
        ("mnif_core.notes", logging.INFO, "heard")
    ]
    capsys.readouterr()
    with caplog.at_level(logging.ERROR, logger.name):
        tell("unheard")
        note("unheard.png: turned")
    assert capsys.readouterr() == ("", "") and len(caplog.records) == 1
