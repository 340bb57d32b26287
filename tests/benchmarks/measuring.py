"""Time, memory and the device's limits; both sides of a case in turn, so that what disturbs one disturbs the other."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from mnif_core.evaluation.efficiency import peak_memory
from tests.benchmarks.sine_rates import sine_rates

Run = Callable[[], Any]


@dataclass(frozen=True)
class Work:
    """The least that a case asks of a device.

    Attributes:
        flops: of matrix products, a multiply-add counted as two.
        sines: sines and cosines.
        bytes: read from or written to memory that no cache holds.
    """

    flops: float = 0.0
    sines: float = 0.0
    bytes: float = 0.0


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        ours: one call of ours.
        reference: one of the plain reference.
        work: the least that the case asks of a device; none where it is not arithmetic.
        rounds: measurements of each side; fewer where one takes long.
    """

    ours: Run
    reference: Run
    work: Work | None = None
    rounds: int = 7


@dataclass(frozen=True)
class Limits:
    """What a device does at best, measured here.

    Attributes:
        flops: a second, of matrix products in float32.
        sines: a second, of float32 in cache, by whichever way is the fastest here.
        bytes: a second, copied in memory, reads and writes counted.
        ways: sines a second of each way.
    """

    flops: float
    sines: float
    bytes: float
    ways: dict[str, float] = field(default_factory=dict)

    def share(self, work: Work, seconds: float) -> float:
        """Time that `work` takes at these limits, as a share of `seconds`.

        Products and sines add up, since a CPU's cores and a GPU's lanes do one or the other; memory works beside them.
        """
        return max(work.flops / self.flops + work.sines / self.sines, work.bytes / self.bytes) / seconds


def measure_limits(device: torch.device) -> Limits:
    """Best of several runs of each."""
    size = 2048 if device.type == "cpu" else 8192
    products = [(torch.rand(size, size, device=device), torch.rand(size, size, device=device))]
    products.append((torch.rand(64, 64, device=device), torch.rand(64, 4096, device=device)))
    flops = 0.0
    for left, right in products:
        out = left @ right
        work = 2.0 * left.shape[0] * left.shape[1] * right.shape[1]
        flops = max(flops, work / best(lambda a=left, b=right, o=out: torch.mm(a, b, out=o), device))  # type: ignore[misc]
    if device.type == "cpu":
        ways = sine_rates(lambda run: best(run, device, rounds=50))
    else:
        angles = torch.rand(1 << 26, device=device)
        result = torch.empty_like(angles)
        ways = {"torch": angles.numel() / best(lambda: torch.sin(angles, out=result), device)}
    source = torch.rand(1 << (26 if device.type == "cpu" else 30), device=device)
    target = torch.empty_like(source)
    copied = 2.0 * source.nbytes / best(lambda: target.copy_(source), device)
    return Limits(flops, max(ways.values()), copied, ways)


def best(run: Run, device: torch.device, rounds: int = 10) -> float:
    """Seconds of the fastest of several runs."""
    run()
    return min(seconds(run, device) for _ in range(rounds))


def seconds(run: Run, device: torch.device) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


class Timed:
    """One side of a case where it runs.

    Args:
        run: one call.
        device: where.
    """

    def __init__(self, run: Run, device: torch.device) -> None:
        self._run, self._device = run, device

    def seconds(self, warm: bool) -> float:
        """Of one call, after an untimed one if `warm`: caches and allocator as a loop of such calls leaves them."""
        if warm:
            self._run()
        return seconds(self._run, self._device)

    def peak(self) -> float | None:
        """MiB that a call takes beyond what was held before; none where that cannot be read."""
        with peak_memory(self._device) as peak:
            self._run()
        return peak["bytes"] / 2**20 if "bytes" in peak else None


class Side(Protocol):
    """One side of a case, wherever it runs: see `Timed`."""

    def seconds(self, warm: bool) -> float:
        """See `Timed.seconds`."""
        ...

    def peak(self) -> float | None:
        """See `Timed.peak`."""
        ...


def measure(ours: Side, reference: Side, work: Work | None, rounds: int, limits: Limits) -> dict[str, Any]:
    """Milliseconds (median, and all), peak memory in MiB, ratio to the reference, share of the device's limit."""
    sides = {"ours": ours, "reference": reference}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side.seconds(warm=rounds > 1))
    result: dict[str, Any] = {}
    for name, side in sides.items():
        result[name] = {
            "ms": 1e3 * statistics.median(times[name]),
            "all_ms": [round(1e3 * each, 3) for each in times[name]],
            "peak_mib": side.peak(),
        }
    result["ratio"] = result["reference"]["ms"] / result["ours"]["ms"]
    if work is not None:
        result["share_of_limit"] = limits.share(work, result["ours"]["ms"] / 1e3)
    return result
