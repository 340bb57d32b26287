"""Cases in a process of their own, so that one that hangs, or ends the process, is a fault like any other."""

import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.cases import SECONDS, Outcome, prepare, run_case

PREPARING = 300.0  # seconds in which a process starts and makes the valid thing


def run_cases(cases: Iterable[tuple[str, int]]) -> Iterator[Outcome]:
    """Outcomes of cases (subject, seed), in order."""
    folder = Path(tempfile.mkdtemp(prefix="mnif-fuzz-"))
    process: Any = None
    try:
        for subject, seed in cases:
            if process is None:
                process, connection = _started(folder)
            outcome = _asked(connection, subject, seed)
            if outcome is None:
                process.join(1)
                said = (
                    f"process ended ({process.exitcode})" if process.exitcode is not None else f"hangs ({SECONDS:g} s)"
                )
                outcome = Outcome(subject, seed, "fault", said, seconds=SECONDS)
                process.kill()
                process = None
            yield outcome
    finally:
        if process is not None:
            process.kill()
            process.join()
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, folder), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _asked(connection: Connection, subject: str, seed: int) -> Outcome | None:
    """The outcome of one case; none if it hangs or the process is gone."""
    try:
        connection.send((subject, seed))
        if not connection.poll(PREPARING):
            return None
        problem = connection.recv()
        if problem is not None:
            raise RuntimeError(f"{subject} cannot be read before it is damaged:\n{problem}")
        return connection.recv() if connection.poll(1.5 * SECONDS) else None
    except (EOFError, OSError):
        return None


def _work(connection: Connection, folder: Path) -> None:
    os.environ["MNIF_CACHE"] = str(folder / "cache")
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open as long as the process is)
    import torch

    torch.set_num_threads(1)
    from tests.fuzz.subjects import SUBJECTS

    while True:
        try:
            name, seed = connection.recv()
        except EOFError:
            return
        subject, template = SUBJECTS[name], folder / "valid" / name
        if not template.exists():
            try:
                prepare(subject, template, folder / "case")
            except BaseException as error:
                connection.send(traceback.format_exc())
                raise error
        connection.send(None)
        connection.send(run_case(subject, seed, template, folder / "case"))
