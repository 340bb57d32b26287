"""Sines a second of every way that a CPU has here: the limit takes the best, whether or not this code uses it.

Those are torch's (Intel's library where torch is built with it), NumPy's, and those that numba compiles. oneDNN, which
torch fuses operations with, has no sine.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from mnif_core.networks.kernels.cpu.sines import compiled_sines

TILE = 1 << 16  # sines of each thread: read and written in its cache
CALLS = 100  # in a row: threads have to wake, and a core to reach its speed

Timed = Callable[[Callable[[], object]], float]


def sine_rates(best: Timed) -> dict[str, float]:
    """Of each way in float32, on as many threads as torch has; `best` gives the seconds of a call."""
    threads = torch.get_num_threads()
    angles = torch.linspace(-100.0, 100.0, threads * TILE).view(threads, TILE)
    result = torch.empty_like(angles)

    def rate(sines: Callable[[], object]) -> float:
        return CALLS * angles.numel() / best(lambda: [sines() for _ in range(CALLS)])

    rates = {"torch": rate(lambda: torch.sin(angles, out=result))}
    with ThreadPoolExecutor(threads) as pool:
        pairs = list(zip(angles.numpy(), result.numpy(), strict=True))
        rates["numpy"] = rate(lambda: list(pool.map(lambda pair: np.sin(pair[0], out=pair[1]), pairs)))
    compiled = compiled_sines()
    if compiled is not None:
        rates["numba"] = rate(lambda: compiled.sine(angles, result))
    return rates
