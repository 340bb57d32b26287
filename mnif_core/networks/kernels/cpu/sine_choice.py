"""Which sine serves on this CPU: torch's, or a compiled one, whichever was the faster when both were tried.

torch's comes from Intel's library, which takes a slow road on CPUs of other makes. What was chosen is kept on disc, so
that results are the same bits from run to run; where it cannot be kept, or gains little, torch's stays.
"""

import functools
import json
import os
import platform
import time
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from mnif_core.errors import ConfigError, OutputError
from mnif_core.files.atomic import write_json
from mnif_core.files.cache_folder import cache_folder
from mnif_core.networks.kernels.cpu.sines import TORCH, Sines, compiled_sines

VARIABLE = "MNIF_SINE"
FORMAT = 1  # of what is kept; raise it when the compiled sine changes
TRIED = 1 << 17  # sines: a layer of a tile, of one core
ROUNDS = 50
GAIN = 1.25  # that is worth another sine, so that noise does not choose
ERROR = 2e-6  # that a sine may have in single precision


def sines_of(dtype: torch.dtype) -> Sines:
    """The sines for tensors of a floating type.

    Raises:
        ConfigError: see `chosen_sines`.
    """
    return chosen_sines() if dtype == torch.float32 else TORCH


@functools.cache
def chosen_sines() -> Sines:
    """Those for float32: what the environment variable MNIF_SINE names, or what was faster on this CPU.

    Raises:
        ConfigError: it names none, or one that is not to be had.
    """
    named = os.environ.get(VARIABLE)
    if named == "torch":
        return TORCH
    if named == "compiled":
        compiled = compiled_sines()
        if compiled is None:
            raise ConfigError(f"{VARIABLE}=compiled: needs the package numba, and torch with GNU's OpenMP as on Linux")
        return compiled
    if named:
        raise ConfigError(f"{VARIABLE}={named}: is neither torch nor compiled")
    return (compiled_wins() and compiled_sines()) or TORCH


def compiled_wins() -> bool:
    """Whether the compiled sine was faster on this machine when both were tried, now or before."""
    from filelock import FileLock

    try:
        path = choice_file()
        found = _kept(path)
        if found is None and compiled_sines() is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):  # one process tries, others wait for it
                found = _kept(path)
                if found is None:
                    found = tried()
                    write_json(path, {"machine": machine(), **found})
        return found is not None and bool(found["compiled"])
    except (metadata.PackageNotFoundError, OSError, OutputError):
        return False


def tried() -> dict[str, Any]:
    """Both in turn: how many sines a second each gives in tiles, and whether it shall be the compiled ones."""
    compiled = compiled_sines()
    assert compiled is not None
    angles = torch.linspace(-100.0, 100.0, TRIED)[None]
    read, written = torch.empty_like(angles), torch.empty_like(angles)
    rates = {"torch": 0.0, "compiled": 0.0}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for each other beside another program say nothing of sines
    for _ in range(ROUNDS):
        for name, sines in (("torch", TORCH), ("compiled", compiled)):
            read.copy_(angles)
            started = time.perf_counter()
            sines.sine(read, written)
            sines.sine_and_cosine(read, written)
            rates[name] = max(rates[name], 3.0 * angles.numel() / (time.perf_counter() - started))
    torch.set_num_threads(threads)
    exact = angles.double()
    error = max(float((written - exact.sin()).abs().max()), float((read - exact.cos()).abs().max()))
    return {"compiled": rates["compiled"] > GAIN * rates["torch"] and error < ERROR, "sines_a_second": rates}


def machine() -> dict[str, str | int]:
    """All that the choice depends on.

    Raises:
        PackageNotFoundError: numba is not installed.
    """
    return {
        "format": FORMAT,
        "cpu": cpu_name(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "numba": metadata.version("numba"),
    }


def cpu_name() -> str:
    """What the CPU calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def choice_file() -> Path:
    """Where what was chosen for this machine is kept."""
    return cache_folder() / "sines" / f"{sha256(json.dumps(machine()).encode()).hexdigest()[:16]}.json"


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
        whole = found["machine"] == machine() and isinstance(found["compiled"], bool)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None
