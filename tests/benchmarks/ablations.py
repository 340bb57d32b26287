"""Tables 4, 5 and 6 of the paper on any images: `python -m tests.benchmarks.ablations --help`.

Rows of a table differ in what the table studies, and in nothing else: seed, split, batches and (but for Table 6, which
studies it) outer steps are the same. Figures are those of `mnif evaluate`. Prints the tables, and JSON.
"""

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table

from mnif_core.data.image_files import load_images
from mnif_core.evaluation.comparison import train_field
from mnif_core.evaluation.evaluation import evaluate
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.image_evaluation import ImageSubject
from mnif_core.evaluation.metrics.extractors import offline_extractor
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import CoefficientPolicy, MixtureConfig
from mnif_core.preset_config import Preset
from mnif_core.presets import PRESETS
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.signals.images import ImageObservations
from mnif_core.signals.observations import Observations, split
from mnif_core.training.field_stage import FieldStage

TableName = Literal["4a", "4b", "4c", "5", "6"]
TINY = PRESETS["image-tiny"]
LONGER = (1, 2, 3)  # Table 6: 400, 800 and 1,200 epochs


@dataclass
class Ablations:
    """What to run."""

    tables: tuple[TableName, ...] = ("4a", "4b", "4c", "5", "6")
    """Coefficients (4a), number of bases (4b), latent dimensions (4c), how latents are found (5), length (6)."""
    data: Path | None = None
    """Images. None: the bundled photographs."""
    steps: int = 1500
    """Outer steps of every row; of the shortest row of Table 6. Minutes a row on two CPU cores."""
    prior_steps: int = 1500
    """Steps of stage 2, which only Table 6 has."""
    samples: int = 256
    """Samples to judge each row of Table 6 by."""
    seed: int = 0
    """Of split, weights, batches and samples."""
    resolution: int = 32
    """Side in pixels."""


def rows(table: TableName, settings: Ablations) -> dict[str, Preset]:
    """Presets of every row of a table."""
    mixture = TINY.modulation
    assert isinstance(mixture, MixtureConfig)
    if table == "4a":
        # a step on coefficients themselves goes further: at the projected latents' rate both of these collapse
        layerwise = mixture.num_bases * mixture.num_layers
        return {
            "shared": _changed("shared", mixture.num_bases, mixture.num_bases, 1e-3),
            "layerwise": _changed("layerwise", mixture.num_bases, layerwise, 1e-3),
            "latent": _changed("latent", mixture.num_bases, layerwise, 1e-2),
        }
    if table == "4b":
        return {f"M = {bases}": _changed("latent", bases, 64, 1e-2) for bases in (16, 64, 256)}
    if table == "4c":
        return {f"H = {latent}": _changed("latent", 64, latent, 1e-2) for latent in (32, 64, 128)}
    if table == "5":
        decoding = FittingConfig("auto-decoding", 150, 5e-3, latent_std=0.01)
        return {
            "auto-decoding": replace(TINY, fitting=decoding, latent_rate=5e-3),
            "first order, 3 steps": _fitted(strategy="first-order"),
            "second order, 3 steps": TINY,
            # five steps of three fifths reach as far; five full ones overshoot while rates are not yet learned
            "second order, 5 steps": _fitted(inner_steps=5, inner_rate=0.6 * TINY.fitting.inner_rate),
        }
    return {
        f"{times * settings.steps} steps": replace(TINY, stage_1=replace(TINY.stage_1, length=times * settings.steps))
        for times in LONGER
    }


def _changed(policy: CoefficientPolicy, bases: int, latent: int, inner_rate: float) -> Preset:
    assert TINY.fitting.inner_clip is not None
    longest = TINY.fitting.inner_rate * TINY.fitting.inner_clip  # an inner step goes no further in any row
    return replace(
        TINY,
        modulation=replace(TINY.modulation, coefficients=policy, num_bases=bases, latent_dim=latent),  # type: ignore[call-arg]
        fitting=replace(TINY.fitting, inner_rate=inner_rate, inner_clip=longest / inner_rate),
        prior=PriorConfig(latent, width=512),
    )


def _fitted(**changes: Any) -> Preset:
    return replace(TINY, fitting=replace(TINY.fitting, **changes))


def run(table: TableName, preset: Preset, parts: dict[str, ImageObservations], settings: Ablations) -> dict[str, Any]:
    """Train and evaluate one row."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    extractor = offline_extractor(device)
    with tempfile.TemporaryDirectory() as scratch:
        if table == "6":
            preset = replace(preset, stage_2=replace(preset.stage_2, length=settings.prior_steps))
            field = train_field(preset, parts["train"], settings.seed, device, None, Path(scratch)).field
        else:
            field = stage_1(preset, parts["train"], settings)
        drawn = EvaluationConfig(samples=settings.samples, seed=settings.seed)
        figures = evaluate(ImageSubject(field, parts, extractor), extractor, drawn, Path(scratch)).figures
    return {"learnable": preset.modulation.learnable_parameters, "figures": figures}


def stage_1(preset: Preset, train: Observations, settings: Ablations) -> GenerativeField:
    """A field without a prior."""
    torch.manual_seed(settings.seed)
    preset = replace(preset, stage_1=replace(preset.stage_1, length=settings.steps))
    stage = FieldStage(Fabric(devices=1), preset, train, None, settings.seed)
    for number in range(settings.steps):
        stage.step(number)
    return stage.field(latents=stage.latents())


def show(table: TableName, variants: dict[str, dict[str, Any]]) -> None:
    """Print a table: the paper's columns."""
    groups = {"train": "reconstruction, train", "unseen": "reconstruction, test", "samples": "generation"}
    columns = [
        (head, group, name)
        for head, group in groups.items()
        for name in next(iter(variants.values()))["figures"].get(group, {})
        if name in ("PSNR", "rPrecision", "rRecall", "FID", "precision", "recall") or "Frechet" in name
    ]
    shown = Table("", "learnable", *[f"{head} {name}" for head, _, name in columns], title=f"Table {table}")
    for name, row in variants.items():
        figures = [f"{row['figures'][group][figure]:.4g}" for _, group, figure in columns]
        shown.add_row(name, f"{row['learnable'] / 1e3:.1f} K", *figures)
    Console(width=None if Console().is_terminal else 180).print(shown)


def main(settings: Ablations) -> None:
    """Run the tables chosen."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    train, unseen = split(load_images(settings.data, settings.resolution), 0.1, settings.seed)
    parts: dict[str, ImageObservations] = {"train": train, "test": unseen}
    results: dict[str, dict[str, Any]] = {}
    for table in settings.tables:
        results[table] = {name: run(table, preset, parts, settings) for name, preset in rows(table, settings).items()}
        show(table, results[table])
    print(json.dumps(results))


if __name__ == "__main__":
    main(tyro.cli(Ablations))
