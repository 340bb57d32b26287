"""Figures as tables on the terminal. Light, as all of this folder that is imported for `--help`."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_figures(figures: dict[str, dict[str, Any]], title: str) -> None:
    """A section for every group of figures, see `evaluation.results.Figures`."""
    shown = Table("", "", title=title)
    for group, values in figures.items():
        shown.add_section()
        shown.add_row(f"[bold]{group}")
        for name, value in values.items():
            shown.add_row(f"  {name}", f"{value:.5g}" if isinstance(value, float) else str(value))
    _print(shown, 120)


def print_efficiency(rows: dict[str, dict[str, Any]], device: object) -> None:
    """Every row of `evaluation.efficiency.table`, the paper's figures in brackets."""
    columns = ["learnable", "per instance", "GMACs", "GFLOPs", "latency", "instances/s", "peak memory", "follows"]
    shown = Table("", *columns, title=f"Per instance on {device} (paper's column in brackets)")
    for name, row in rows.items():
        ours, paper = row["ours"], row.get("paper")

        def cell(value: str, key: str, paper: dict[str, float] | None = paper, unit: str = "") -> str:
            return value if paper is None else f"{value} ({paper[key]:g}{unit})"

        seconds, memory = ours["seconds"], ours["memory"]
        wrong = row.get("differs")
        shown.add_row(
            name,
            cell(f"{ours['learnable'] / 1e6:.2f} M", "learnable"),
            cell(f"{ours['inference'] / 1e3:.1f} K", "inference"),
            cell(f"{ours['macs'] / 1e9:.3f}", "gmacs"),
            f"{2 * ours['macs'] / 1e9:.3f}",
            "-" if seconds is None else f"{1e3 * seconds:.1f} ms",
            cell("-" if seconds is None else f"{1 / seconds:.1f}", "fps"),
            cell("-" if memory is None else f"{memory / 1e6:.0f} MB", "memory"),
            "" if paper is None else ("yes" if not wrong else f"no: {', '.join(wrong)}"),
        )
    _print(shown, 180)


def print_comparison(rows: dict[str, dict[str, Any]], budget: str) -> None:
    """Every row of `evaluation.comparison.compare`, which had `budget` for stage 1."""
    columns = _columns(rows)
    heads = [
        f"{name}, {group.removeprefix('reconstruction, ')}" if "recon" in group else name for group, name in columns
    ]
    shown = Table(
        "", "learnable", "per instance", "MMACs", "steps", "seconds", *heads, title=f"Stage 1 for {budget} each"
    )
    for name, row in rows.items():
        figures = [row["figures"].get(group, {}).get(figure) for group, figure in columns]
        shown.add_row(
            name,
            f"{row['learnable'] / 1e6:.3f} M",
            f"{row['inference'] / 1e3:.1f} K",
            f"{row['macs'] / 1e6:.1f}",
            str(row["steps"]),
            f"{row['seconds']:.0f}",
            *["-" if value is None else f"{value:.4g}" for value in figures],
        )
    _print(shown, 160)


def _columns(rows: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Groups and names of the figures in the table; all others are in the JSON."""
    figures = next(iter(rows.values()))["figures"]
    columns = [("reconstruction, train", "PSNR"), ("reconstruction, test", "PSNR")]
    if "IoU of grids" in figures.get("reconstruction, test", {}):
        columns.append(("reconstruction, test", "IoU of grids"))
    wanted = ("FID", "precision", "recall", "COV", "MMD", "1-NNA")
    generation = figures.get("generation", {})
    return columns + [("generation", name) for name in generation if name in wanted or name.startswith("Frechet")]


def _print(table: Table, width: int) -> None:
    """In the terminal's width, or in `width` columns where the output goes to a file."""
    Console(width=None if Console().is_terminal else width).print(table)
