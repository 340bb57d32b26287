"""Damaged files by the thousand, each read or refused in one line: `python -m tests.fuzz --count 2000 --seed 0`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from tests.fuzz.cases import Outcome
from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.worker import run_cases


@dataclass
class Fuzz:
    """How many cases, and of what."""

    count: int = 2000
    """Cases in all, shared evenly by the subjects."""
    seed: int = 0
    """Of the first case of each subject; the others count on."""
    subject: tuple[str, ...] = ()
    """Subjects whose names contain one of these. None: all."""
    only: int | None = None
    """The seed of the one case to run, with the trace of what it raises."""


def main(settings: Fuzz) -> int:
    """Run the cases; 1 if there is a fault."""
    names = [name for name in SUBJECTS if not settings.subject or any(part in name for part in settings.subject)]
    if settings.only is not None:
        cases = [(name, settings.only) for name in names]
    else:
        cases = [(names[i % len(names)], settings.seed + i // len(names)) for i in range(settings.count)]
        cases.sort(key=lambda case: names.index(case[0]))
    console = Console(width=None if sys.stdout.isatty() else 160)
    progress = track(run_cases(cases), "Reading damaged files", len(cases), console=Console(stderr=True))
    outcomes = list(progress)
    console.print(_table(names, outcomes))
    faults = [outcome for outcome in outcomes if outcome.kind == "fault"]
    for fault in faults:
        console.print(f"--subject {fault.subject} --only {fault.seed}: {escape(ascii(fault.said[:300]))}")
    if settings.only is not None:
        for outcome in outcomes:
            console.print(f"{outcome.kind}: {outcome.said[:2000]}\n{outcome.trace}", markup=False)
    return 1 if faults else 0


def _table(names: Sequence[str], outcomes: Sequence[Outcome]) -> Table:
    table = Table("subject", title=f"{len(outcomes)} damaged files")
    for column in ("cases", "read", "refused", "faults", "longest, s", "most memory, MiB"):
        table.add_column(column, justify="right")
    for name in [*names, "all"]:
        rows = [outcome for outcome in outcomes if name in (outcome.subject, "all")]
        counts = [sum(row.kind == kind for row in rows) for kind in ("read", "refused", "fault")]
        longest, most = max((row.seconds for row in rows), default=0.0), max((row.peak for row in rows), default=0)
        table.add_row(name, str(len(rows)), *map(str, counts), f"{longest:.2f}", f"{most / 2**20:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Fuzz, description=__doc__)))
