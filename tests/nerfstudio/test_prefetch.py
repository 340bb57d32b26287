"""One step ahead, whatever is asked for."""

import threading

import pytest

from mnif_nerfstudio.prefetch import Prefetch


def test_every_step_gets_its_own_batch_also_after_a_jump() -> None:
    prefetch = Prefetch(lambda step: 10 * step)
    assert [prefetch(step) for step in (0, 1, 2, 7, 8, 3, 3)] == [0, 10, 20, 70, 80, 30, 30]


def test_the_next_batch_is_made_before_it_is_asked_for() -> None:
    made, reached = [], threading.Event()

    def make(step: int) -> int:
        made.append(step)
        if step == 1:
            reached.set()
        return step

    Prefetch(make)(0)
    assert reached.wait(10)
    assert made == [0, 1]


def test_errors_arrive_where_the_batch_is_asked_for() -> None:
    def make(step: int) -> int:
        if step == 1:
            raise OSError("gone")
        return step

    prefetch = Prefetch(make)
    assert prefetch(0) == 0
    with pytest.raises(OSError, match="gone"):
        prefetch(1)
