"""Each side of a case in a process of its own, as a user's run is.

What one leaves in the allocator, or asks of it (`mnif_core.freed_memory`), would help the other and the next.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any, Literal

import torch

from mnif_core import freed_memory
from tests.benchmarks.cases import CASES, Scale
from tests.benchmarks.measuring import Limits, Timed, Work, measure

_SPAWN = multiprocessing.get_context("spawn")
NOTHING = 0  # no option of the C library's allocator
_here: dict[str, Timed] = {}  # what this process measures


def measured_apart(name: str, limits: Limits, device: torch.device, threads: int, quick: bool) -> dict[str, Any]:
    """The row of the case `name`; see `measure`."""
    with ExitStack() as stack:
        ours, reference = (stack.enter_context(ProcessPoolExecutor(1, _SPAWN)) for _ in range(2))
        work, rounds = ours.submit(_build, name, "ours", device, threads, quick).result()
        reference.submit(_build, name, "reference", device, threads, quick).result()
        return measure(_Apart(ours), _Apart(reference), work, 1 if quick else rounds, limits)


class _Apart:
    """A `Side` in another process."""

    def __init__(self, process: ProcessPoolExecutor) -> None:
        self._process = process

    def seconds(self, warm: bool) -> float:
        return self._process.submit(_seconds, warm).result()

    def peak(self) -> float | None:
        return self._process.submit(_peak).result()


def _build(
    name: str, side: Literal["ours", "reference"], device: torch.device, threads: int, quick: bool
) -> tuple[Work | None, int]:
    torch.set_num_threads(threads)
    if side == "reference":  # allocates as plain torch does, though what builds the case asks for more
        freed_memory.TRIM_THRESHOLD = freed_memory.MMAP_THRESHOLD = NOTHING
    case = CASES[name](Scale(device, 512 if quick else 4096))
    _here["side"] = Timed(case.ours if side == "ours" else case.reference, device)
    return case.work, case.rounds


def _seconds(warm: bool) -> float:
    return _here["side"].seconds(warm)


def _peak() -> float | None:
    return _here["side"].peak()
