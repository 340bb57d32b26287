"""Each case in a process of its own, as a user's run is: what one case leaves in the allocator would help the next."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch

from tests.benchmarks.cases import CASES, Scale
from tests.benchmarks.measuring import Limits, measure


def measured_apart(name: str, limits: Limits, device: torch.device, threads: int, quick: bool) -> dict[str, Any]:
    """The row of the case `name`; see `measure`."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, name, limits, device, threads, quick).result()


def _measured(name: str, limits: Limits, device: torch.device, threads: int, quick: bool) -> dict[str, Any]:
    torch.set_num_threads(threads)
    scale = Scale(device, 512 if quick else 4096)
    return measure(CASES[name](scale), limits, device, rounds=1 if quick else None)
