"""What an instance costs: parameters, multiply-adds, latency and memory, beside the paper's columns of Tables 1 to 3.

The paper's "GFLOPS" count one multiplication with its addition as one: they are MACs, half of the FLOPs.
"""

import ctypes
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from mnif_core.networks.modulation import ModulationConfig
from mnif_core.preset_config import ScenePreset
from mnif_core.presets import PRESETS
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal

REPEATS = 5  # of what is timed, whose median counts
TOLERANCE = 0.02  # relative: the paper's columns have two or three digits
TOO_MANY = 10**11  # MACs of an instance that a CPU takes minutes for: counted, not measured


@dataclass(frozen=True)
class Published:
    """A row of Tables 1 to 3: millions learnable, thousands per instance, GMACs, instances a second, MB."""

    learnable: float
    inference: float
    gmacs: float
    fps: float
    memory: float


PUBLISHED = {
    "image-s": Published(4.6, 17.2, 0.069, 2958.6, 10.2),
    "image-l": Published(33.4, 83.3, 0.340, 891.3, 24.4),
    "voxel-s": Published(4.6, 17.2, 4.4, 191.5, 642.1),
    "voxel-l": Published(46.3, 83.3, 21.6, 69.6, 1513.3),
    "nerf-s": Published(4.6, 17.2, 9.0, 97.7, 1300.0),
    "image-functa": Published(3.3, 2629.6, 8.602, 332.9, 144.1),
    "nerf-functa": Published(3.9, 3418.6, 1789.0, 2.0, 28000.0),
    "image-gem": Published(99.0, 921.3, 3.299, 559.6, 70.3),
}


@dataclass(frozen=True)
class Cost:
    """What one instance costs.

    Attributes:
        learnable: weights that training learns, latents not counted.
        inference: weights of one instance's network.
        macs: multiply-adds to show one instance; FLOPs are twice as many.
        seconds: to show one instance, making its network included, on this device; none where it was not measured.
        memory: peak bytes beyond the weights while showing it; none where it cannot be read.
    """

    learnable: int
    inference: int
    macs: int
    seconds: float | None = None
    memory: int | None = None


def counted(config: ModulationConfig, points: int) -> Cost:
    """Parameters and multiply-adds of an instance's network at `points`; making it, once, is not counted."""
    macs = points * sum(o * (i + config.features) for o, i in config.layer_shapes)
    return Cost(config.learnable_parameters, config.instance_parameters, macs)


def measured(config: ModulationConfig, signal: Signal, device: torch.device) -> Cost:
    """`counted`, with median time and peak memory of making one network and showing it."""
    cost = counted(config, signal.points)
    if device.type == "cpu" and cost.macs > TOO_MANY:
        return cost
    modulation = config.build().to(device)
    latent = torch.zeros(1, config.latent_dim, device=device)

    def seconds() -> float:
        started = time.perf_counter()
        with torch.no_grad():
            signal.show(modulation.instance(latent))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - started

    with peak_memory(device) as peak:
        seconds()
    latency = median(seconds() for _ in range(REPEATS))
    return Cost(cost.learnable, cost.inference, cost.macs, latency, peak.get("bytes"))


@contextmanager
def peak_memory(device: torch.device) -> Iterator[dict[str, int]]:
    """Fills `bytes` with the most memory used inside beyond what was used before; empty where it cannot be read."""
    peak: dict[str, int] = {}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield peak
        peak["bytes"] = torch.cuda.max_memory_allocated(device) - before
        return
    _give_back()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the high-water mark starts anew
        start = _status("VmRSS")
    except OSError:
        yield peak
        return
    yield peak
    peak["bytes"] = max(0, _status("VmHWM") - start)


def _give_back() -> None:
    """Return freed memory to the system, so that a peak is not hidden by what an earlier run has left."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another allocator: the peak is then a lower bound
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def preset_signal(name: str) -> Signal:
    """What a preset's instance is shown as."""
    preset = PRESETS[name]
    if isinstance(preset, ScenePreset):
        seen = SceneSignal.at_resolution(preset.resolution)
        return replace(preset.signal, height=seen.height, width=seen.width, focal=seen.focal)
    return SIGNALS[preset.modality].at_resolution(preset.resolution)


def differs(cost: Cost, published: Published) -> list[str]:
    """Columns of the paper that do not follow from its (L, W, M, H), beyond their rounding."""
    pairs = {
        "learnable": (cost.learnable / 1e6, published.learnable),
        "inference": (cost.inference / 1e3, published.inference),
        "MACs": (cost.macs / 1e9, published.gmacs),
    }
    # a column is right if rounding explains it: half a unit of its last digit, or two per cent
    return [
        name
        for name, (ours, theirs) in pairs.items()
        if abs(ours - theirs) > max(0.05 if theirs >= 1 else 0.0005, (TOLERANCE if name == "MACs" else 0.005) * theirs)
    ]


def table(device: torch.device, runs: dict[str, tuple[ModulationConfig, Signal]]) -> dict[str, dict[str, Any]]:
    """Every preset and `runs` (name -> modulation and signal) measured.

    Returns:
        Per row `ours`, and where the paper has it `paper` and `differs`.
    """
    rows: dict[str, dict[str, Any]] = {}
    costs = {name: measured(preset.modulation, preset_signal(name), device) for name, preset in PRESETS.items()}
    costs |= {name: measured(config, signal, device) for name, (config, signal) in runs.items()}
    for name, cost in costs.items():
        rows[name] = {"ours": asdict(cost)}
        if name in PUBLISHED:
            rows[name] |= {"paper": asdict(PUBLISHED[name]), "differs": differs(cost, PUBLISHED[name])}
    return rows
