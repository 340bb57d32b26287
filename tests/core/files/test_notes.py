"""Notes reach whoever collects them, from all threads, and are printed where nobody does."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mnif_core.files.notes import collected_notes, note


def test_notes_are_collected_from_all_threads_and_printed_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with collected_notes() as lines, ThreadPoolExecutor(4) as pool:
        list(pool.map(note, [f"{i}.png: turned" for i in range(20)]))
    assert sorted(lines) == sorted(f"{i}.png: turned" for i in range(20))
    assert capsys.readouterr() == ("", "")


def test_blocks_within_blocks_each_have_their_notes() -> None:
    with collected_notes() as outer:
        note("a")
        with collected_notes() as inner:
            note("b")
    assert (outer, inner) == (["a", "b"], ["b"])
