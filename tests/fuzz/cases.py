"""One case: a subject's file, damaged as a seed says, is read; what came of it."""

import contextlib
import os
import random
import re
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnif_core.errors import MnifError
from tests.fuzz.subject import Subject

SECONDS = 10.0  # that any case may take
BUDGET = 1 << 30  # bytes that a case may reserve: all its files are smaller than 1 MB
RESIDENT = 1 << 28  # bytes that it may touch


@dataclass(frozen=True)
class Outcome:
    """What came of one case."""

    subject: str
    seed: int
    kind: Literal["read", "refused", "fault"]
    said: str = ""
    """The one line, or what is wrong."""
    trace: str = ""
    """Of a fault."""
    seconds: float = 0.0
    peak: int = 0
    """Bytes of memory that it came to use beyond what the process had."""


def run_case(subject: Subject, seed: int, template: Path, scratch: Path) -> Outcome:
    """Damage a copy of `template`, in `scratch`, and read it."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(template, scratch)
    file = scratch / subject.file
    file.write_bytes(subject.damage(file.read_bytes(), random.Random(f"{subject.name} {seed}")))
    before = _reset_peak()
    started = time.perf_counter()
    kind: Literal["read", "refused", "fault"] = "read"
    said = trace = ""
    try:
        with _bounded(), _alarmed():
            subject.read(scratch)
    except MnifError as error:
        kind, said = "refused", str(error)
        if "\n" in said or "; " not in said or ": " not in said or not said.isprintable():
            kind, said, trace = "fault", f"not one line with path and remedy: {said!r}", traceback.format_exc()
        elif (greedy := _greedy(error)) is not None:
            kind, said, trace = "fault", f"asked for too much memory: {greedy}", traceback.format_exc()
    except BaseException as error:  # whatever it is, it is what the fuzzer looks for
        kind, said, trace = "fault", f"{type(error).__name__}: {error}", traceback.format_exc()
    seconds, peak = time.perf_counter() - started, _peak() - before
    if kind != "fault" and seconds > SECONDS:
        kind, said = "fault", f"took {seconds:.1f} s"
    if kind != "fault" and peak > RESIDENT:
        kind, said = "fault", f"used {peak / 2**20:.0f} MiB"
    return Outcome(subject.name, seed, kind, said, trace, seconds, peak)


def _greedy(error: BaseException | None) -> BaseException | None:
    """What among an error and its causes says that memory was asked for and not had."""
    while error is not None:
        if isinstance(error, MemoryError) or re.search(r"allocate|not enough memory|out of memory", str(error)):
            return error
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Address space may grow by the budget and no further: what asks for more fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + BUDGET, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def _alarmed() -> Iterator[None]:
    """What takes too long is interrupted where it is, if it is Python's; the process that waits ends all else."""

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"hangs ({SECONDS:g} s)")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def prepare(subject: Subject, template: Path, scratch: Path) -> None:
    """Make the valid thing as `template`, and see that a copy of it, in `scratch`, can be read."""
    template.mkdir(parents=True)
    subject.make(template)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(template, scratch)
    subject.read(scratch)  # imports what it imports, too


def _reset_peak() -> int:
    """Bytes in use, from which on the peak counts."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    """A figure of this process in bytes; Linux only, 0 elsewhere."""
    try:
        lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
