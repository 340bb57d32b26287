"""The analysis commands: tables and pictures of what the other files of this folder compute."""

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from mnif_core.errors import ConfigError
from mnif_core.evaluation.efficiency import table
from mnif_core.evaluation.evaluation import CLOSEST_PICTURES, EvaluationConfig, evaluate
from mnif_core.evaluation.metrics.classes import PENALTY
from mnif_core.evaluation.metrics.extractors import inception_extractor, offline_extractor
from mnif_core.evaluation.subjects import read_subject
from mnif_core.extras import require
from mnif_core.files.atomic import whole_file, write_json
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureSiren
from mnif_core.networks.orthogonality import basis_similarity


def evaluate_run(
    field: GenerativeField,
    data: Path | None,
    test_data: Path | None,
    config: EvaluationConfig,
    inception: Path | None,
    skip_bad: bool,
    folder: Path,
) -> None:
    """Write `evaluation.json` and pictures of the closest pairs into `folder`, print the figures as a table."""
    device = field.device
    extractor = offline_extractor(device) if inception is None else inception_extractor(inception, device)
    subject = read_subject(field, data, test_data, config, extractor, skip_bad)
    figures = evaluate(subject, extractor, config, folder)
    shown = Table("", "", title=f"{len(field.latents)} training instances")
    for group, values in figures.items():
        shown.add_section()
        shown.add_row(f"[bold]{group}")
        for name, value in values.items():
            shown.add_row(f"  {name}", f"{value:.5g}" if isinstance(value, float) else str(value))
    Console(width=None if Console().is_terminal else 120).print(shown)
    print(f"features: {extractor.name}, {extractor.preprocessing}")
    if any(name.startswith("class") for values in figures.values() for name in values):
        print(f"classes: a linear classifier of real training images' features, trained with penalty {PENALTY:g}")
    pictures = [str(folder / name) for name in CLOSEST_PICTURES if (folder / name).exists()]
    print(" | ".join([str(folder / "evaluation.json"), *pictures]), flush=True)


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
        DependencyError: matplotlib is not installed.
    """
    require("matplotlib", output)
    if not isinstance(field.modulation, MixtureSiren):
        raise ConfigError(f"a field of modulation '{field.modulation.config.kind}' has no bases; pass one of a mixture")
    import matplotlib

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
    with whole_file(output) as scratch:
        figure.savefig(scratch, format="png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)
    print(f"picture in {output}", flush=True)
