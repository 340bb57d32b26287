"""The analysis commands: tables and pictures of what the other files of this folder compute."""

import hashlib
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
from mnif_core.analysis.evaluation import closest_pairs, evaluate_images, evaluate_voxels, splits
from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.metrics.extractors import inception_extractor, offline_extractor
from mnif_core.mixture import MixtureSiren
from mnif_core.reconstruction import load_observations
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.observations import Observations


def write_json(path: Path, content: Any) -> Path:
    """Write JSON, replacing an older file only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(json.dumps(content, indent=1))
    os.replace(scratch, path)
    return path


def evaluate(
    field: GenerativeField,
    data: Path | None,
    count: int,
    seed: int,
    inception: Path | None,
    skip_bad: bool,
    folder: Path,
) -> None:
    """Write `evaluation.json` and `closest.png` into `folder`, print the figures as a table.

    Figures of the same weights, data and settings are read, not computed again.
    """
    observations = load_observations(field, data, skip_bad)
    parts = splits(field, observations)
    settings = {"samples": count, "seed": seed, "inception": None if inception is None else str(inception)}
    key = _fingerprint(field, observations, settings)
    path = folder / "evaluation.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("key") == key:
        print(f"{path}: weights, data and settings are unchanged")
        figures = known["figures"]
    elif isinstance(field.signal, ImageSignal):
        device = field.device
        extractor = offline_extractor(device) if inception is None else inception_extractor(inception, device)
        figures = evaluate_images(field, parts, extractor, count, seed)
    else:
        figures = evaluate_voxels(field, parts, count, seed)
    shown = Table("", "", title=f"{len(parts['train'].names)} training instances, {count} samples")
    for group, values in figures.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            shown.add_row(
                f"{group}: {name}" if name else group, f"{value:.4f}" if isinstance(value, float) else str(value)
            )
    Console().print(shown)
    write_json(path, {"key": key, "settings": settings, "figures": figures})
    print(f"{path} | {closest_pairs(field, count, seed, folder / 'closest.png')}", flush=True)


def _fingerprint(field: GenerativeField, observations: Observations, settings: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([settings, observations.names]).encode())
    modules = [module for module in (field.modulation, field.prior, field.fitter) if module is not None]
    tensors = [value for module in modules for value in module.state_dict().values()]
    for tensor in [*tensors, field.latents]:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for index in torch.arange(len(observations.names)).split(64):
        digest.update(observations.observe(index)[1].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def efficiency(fields: dict[str, GenerativeField], device: torch.device, output: Path | None) -> None:
    """Print the table of efficiency for all presets and `fields`; as JSON too, where `output` is given."""
    rows = table(device, {name: (field.modulation.config, field.signal) for name, field in fields.items()})
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
    """Draw |cosine| between bases, a panel per layer (Fig. 4), and print each layer's mean and largest.

    Raises:
        ConfigError: the field's modulation is not a mixture.
    """
    if not isinstance(field.modulation, MixtureSiren):
        raise ConfigError(f"a field of modulation '{field.modulation.config.kind}' has no bases; pass one of a mixture")
    matplotlib.use("agg")
    from matplotlib import pyplot

    similarities = [similarity.detach().cpu() for similarity in basis_similarity(field.modulation)]
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
