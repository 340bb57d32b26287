"""Time and peak memory as things grow, one picture: `python -m tests.benchmarks.growth --help`.

What grows has a process of its own. Exponents are of the power of the size that fits all points of a line best.
"""

import json
import math
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mnif_core.evaluation.efficiency import peak_memory
from tests.benchmarks.growth_lines import PANELS, Line
from tests.benchmarks.measuring import seconds

CPU = torch.device("cpu")
LONG = 1.0  # seconds, from which on two runs are enough
ROUNDS = 5
PAGES = 1 / 16  # MiB: less is not told apart from nothing
SIDES = {"ms": "milliseconds", "peak_mib": "peak MiB beyond the start"}


@dataclass
class Growth:
    """Where the figures go."""

    threads: int = 2
    """Of the CPU."""
    json: Path | None = None
    """File for the figures, with machine and command."""
    picture: Path | None = None
    """PNG: a column for each thing that grows, time above memory."""


def measured_panel(panel: str, threads: int) -> dict[str, dict[str, Any]]:
    """All lines of a panel, see `measured`."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return {name: measured(line) for name, line in PANELS[panel].items()}


def measured(task: Line) -> dict[str, Any]:
    """Sizes, milliseconds (the best of some) and peak MiB beyond the start, with their exponents."""
    found: dict[str, Any] = {"sizes": list(task.sizes), "ms": [], "peak_mib": []}
    for size in task.sizes:
        run = task.prepared(size)
        taken = [seconds(run, CPU)]
        with peak_memory(CPU) as peak:
            taken.append(seconds(run, CPU))
        while len(taken) < ROUNDS and taken[0] < LONG:
            taken.append(seconds(run, CPU))
        found["ms"].append(round(1e3 * min(taken), 4))
        found["peak_mib"].append(round(peak["bytes"] / 2**20, 3) if "bytes" in peak else None)
    known = {name: found[name] for name in SIDES if None not in found[name]}
    return found | {"exponents": {name: exponent(found["sizes"], values) for name, values in known.items()}}


def exponent(sizes: list[int], values: list[float]) -> float:
    """k of the c size^k that fits `values` best, in logarithms."""
    logs = [[math.log(max(value, PAGES)) for value in each] for each in (sizes, values)]
    return round(linear_regression(*logs).slope, 2)


def draw(figures: dict[str, Any], path: Path) -> None:
    """The picture, each line with its exponent at its end."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(4 * len(PANELS), 8), layout="constrained")
    picture.suptitle(f"{figures['device']}, {figures['threads']} threads, torch {figures['torch']}")
    axes = picture.subplots(len(SIDES), len(PANELS), sharey="row")
    for column, (panel, lines) in enumerate(figures["growth"].items()):
        for row, (side, words) in enumerate(SIDES.items()):
            axis = axes[row, column]
            for name, line in lines.items():
                if side not in line["exponents"]:
                    continue
                shown = [max(value, PAGES) for value in line[side]]
                (curve,) = axis.plot(line["sizes"], shown, marker="o", label=name)
                text, end = f"{line['exponents'][side]:.2f}", (line["sizes"][-1], shown[-1])
                axis.annotate(text, end, (6, -3), textcoords="offset points", color=curve.get_color())
            axis.set(xscale="log", yscale="log")
            axis.margins(x=0.18)
            axis.grid(alpha=0.3)
            axis.set_xlabel(panel if row else "")
            axis.set_ylabel("" if column else words)
            axis.legend(loc="upper left", fontsize="small")
    picture.savefig(path, dpi=80)


def main(settings: Growth) -> None:
    """Measure all lines, print the table, write the figures and the picture."""
    growth: dict[str, dict[str, Any]] = {}
    table = Table("grows", "task", "sizes", "ms", "peak MiB", "exponents of time and memory")
    for panel in track(PANELS, "Measuring", console=Console(stderr=True), transient=True):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            growth[panel] = process.submit(measured_panel, panel, settings.threads).result()
        for line, found in growth[panel].items():
            cells = [found[name] for name in ("sizes", *SIDES)]
            rows = (" ".join(f"{value:.4g}" for value in cell if value is not None) for cell in cells)
            table.add_row(panel, line, *rows, " ".join(map(str, found["exponents"].values())))
    from tests.benchmarks.__main__ import _device_name  # imports all cases, which no process of a panel needs

    figures = {
        "device": _device_name(CPU),
        "threads": settings.threads,
        "torch": torch.__version__,
        "command": " ".join(["python -m tests.benchmarks.growth", *sys.argv[1:]]),
        "growth": growth,
    }
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if settings.json is not None:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(figures, indent=1) + "\n")
    if settings.picture is not None:
        draw(figures, settings.picture)


if __name__ == "__main__":
    main(tyro.cli(Growth, description=__doc__))
