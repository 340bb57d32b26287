"""The analysis commands: tables and pictures of what the other files of this folder compute."""

import json
import os
from pathlib import Path
from typing import Any

import matplotlib
import torch
from rich.console import Console
from rich.table import Table

from mnif_core.analysis.bases import basis_similarity
from mnif_core.analysis.efficiency import table
from mnif_core.generative_field import GenerativeField


def write_json(path: Path, content: Any) -> Path:
    """Write JSON, replacing an older file only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(json.dumps(content, indent=1))
    os.replace(scratch, path)
    return path


def efficiency(fields: dict[str, GenerativeField], device: torch.device, output: Path | None) -> None:
    """Print the table of efficiency for all presets and `fields`; as JSON too, where `output` is given."""
    rows = table(device, {name: (field.mixture.config, field.signal) for name, field in fields.items()})
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
    Console(width=None if Console().is_terminal else 180).print(shown)
    print('"follows": whether the paper\'s counts follow from its stated (L, W, M, H); its GFLOPS are MACs.')
    if output is not None:
        print(f"JSON in {write_json(output, {'device': str(device), 'rows': rows})}", flush=True)


def bases(field: GenerativeField, output: Path) -> None:
    """Draw |cosine| between bases, a panel per layer (Fig. 4), and print each layer's mean and largest."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    similarities = [similarity.detach().cpu() for similarity in basis_similarity(field.mixture)]
    figure, axes = pyplot.subplots(1, len(similarities), figsize=(3 * len(similarities), 3.4), squeeze=False)
    for index, (similarity, panel) in enumerate(zip(similarities, axes[0], strict=True)):
        image = panel.imshow(similarity, vmin=0, vmax=1, cmap="viridis")
        pairs = max(1, similarity.numel() - len(similarity))
        mean, largest = float(similarity.sum()) / pairs, float(similarity.max())
        panel.set_title(f"layer {index}: mean {mean:.2f}")
        panel.set_xticks([])
        panel.set_yticks([])
        print(f"layer {index}: |cosine| between {len(similarity)} bases, mean {mean:.3f}, largest {largest:.3f}")
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8)
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = output.with_name(f".{output.name}.tmp")
    figure.savefig(scratch, format="png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)
    os.replace(scratch, output)
    print(f"picture in {output}", flush=True)
