"""Speed and memory against the plain reference, one table: `python -m tests.benchmarks --help`."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mnif_core.networks.kernels.cpu.sine_choice import cpu_name
from tests.benchmarks.cases import CASES, TARGETS
from tests.benchmarks.measuring import Limits, measure_limits
from tests.benchmarks.own_process import measured_apart
from tests.benchmarks.scaling import scaling


@dataclass
class Benchmark:
    """What to measure, and where the figures go."""

    only: tuple[str, ...] = ()
    """Cases whose names contain one of these. None: all."""
    quick: bool = False
    """One round each and a small prior: a look, not a figure."""
    scaling: bool = True
    """Also measure cost against points, scenes and bases."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where."""
    threads: int = 2
    """Of a CPU."""
    json: Path | None = None
    """File for the figures, with device and command."""


def main(settings: Benchmark) -> None:
    """Measure the chosen cases, one after the other."""
    torch.set_num_threads(settings.threads)
    chosen = settings.device if settings.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(chosen)
    limits = measure_limits(device)
    results: dict[str, dict[str, Any]] = {}
    names = [name for name in CASES if not settings.only or any(part in name for part in settings.only)]
    for name in track(names, "Measuring", console=Console(stderr=True), transient=True):
        results[name] = measured_apart(name, limits, device, settings.threads, settings.quick)
    figures: dict[str, Any] = {
        "device": _device_name(device),
        "threads": settings.threads if chosen == "cpu" else None,
        "torch": torch.__version__,
        "command": " ".join(["python -m tests.benchmarks", *sys.argv[1:]]),
        "limits": asdict(limits),
        "cases": results,
    }
    if settings.scaling:
        figures["nanoseconds_a_point"] = scaling(device)
    show(figures, limits)
    if settings.json is not None:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(figures, indent=1) + "\n")


def show(figures: dict[str, Any], limits: Limits) -> None:
    """Print the table."""
    title = (
        f"{figures['device']}: {limits.flops / 1e9:.0f} GFLOP/s, {limits.bytes / 1e9:.0f} GB/s, G sines/s: "
        + ", ".join(f"{way} {rate / 1e9:.2f}" for way, rate in limits.ways.items())
    )
    table = Table("", title=title)
    for column in ("ours ms", "reference ms", "ratio", "target", "ours MiB", "reference MiB", "share of limit"):
        table.add_column(column, justify="right")
    for name, row in figures["cases"].items():
        ours, plain = row["ours"], row["reference"]
        target, memory = TARGETS.get(name, (None, None))
        wanted = "" if target is None else f"{target:g}" + ("" if memory is None else f", memory {memory:g}")
        peaks = ["" if side["peak_mib"] is None else f"{side['peak_mib']:.0f}" for side in (ours, plain)]
        share = f"{100 * row['share_of_limit']:.0f} %" if "share_of_limit" in row else ""
        table.add_row(name, f"{ours['ms']:.1f}", f"{plain['ms']:.1f}", f"{row['ratio']:.1f}", wanted, *peaks, share)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    for name, row in figures.get("nanoseconds_a_point", {}).items():
        cells = ", ".join(f"{count}: {value:.1f}" for count, value in row.items())
        console.print(f"nanoseconds a point of NeRF S by {name}: {cells}")


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return cpu_name()


if __name__ == "__main__":
    main(tyro.cli(Benchmark))
