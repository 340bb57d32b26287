"""Tables 4(a) and 5 of the paper on any images: `python -m tests.benchmarks.ablations --help`.

Every row trains the same mixture for the same number of outer steps, from the same seed; PSNR in dB of training and of
unseen images, latents found as the row's strategy finds them. Prints the tables as they come out, and JSON.
"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table

from mnif_core.fitting import FittingConfig
from mnif_core.presets import PRESETS, Preset
from mnif_core.prior import PriorConfig
from mnif_core.reconstruction import scores
from mnif_core.signals.image_files import load_images
from mnif_core.signals.observations import Observations, split
from mnif_core.training.stages import FieldStage


@dataclass
class Ablations:
    """What to run."""

    data: Path | None = None
    """Images; none for the bundled photographs."""
    steps: int = 400
    """Outer steps of every row."""
    seed: int = 0
    """Of split, weights and batches."""
    resolution: int = 32
    """Side in pixels."""


def rows() -> dict[str, dict[str, Preset]]:
    """Presets of every row of both tables."""
    tiny = PRESETS["image-tiny"]
    mixture = tiny.modulation

    def with_policy(policy: Any, latent_dim: int, inner_rate: float) -> Preset:
        changed = replace(mixture, coefficients=policy, latent_dim=latent_dim)
        fitting = replace(tiny.fitting, inner_rate=inner_rate)
        return replace(tiny, modulation=changed, fitting=fitting, prior=PriorConfig(latent_dim, width=512))

    layerwise = mixture.num_bases * mixture.num_layers
    return {
        "Table 5": {
            "meta-learning, second order": tiny,
            "meta-learning, first order": replace(tiny, fitting=replace(tiny.fitting, strategy="first-order")),
            "auto-decoding": replace(
                tiny, fitting=FittingConfig("auto-decoding", 150, 5e-3, latent_std=0.01), latent_rate=5e-3
            ),
        },
        "Table 4(a)": {
            # a step on coefficients themselves goes further: at the projected latents' rate both of these collapse
            "shared": with_policy("shared", mixture.num_bases, 1e-3),
            "layerwise": with_policy("layerwise", layerwise, 1e-3),
            "latent": with_policy("latent", layerwise, 1e-2),
        },
    }


def run(preset: Preset, train: Observations, unseen: Observations, settings: Ablations) -> dict[str, float]:
    """Train one row."""
    torch.manual_seed(settings.seed)
    preset = replace(preset, stage_1=replace(preset.stage_1, length=settings.steps))
    started = time.perf_counter()
    stage = FieldStage(Fabric(devices=1), preset, train, unseen, settings.seed)
    for number in range(settings.steps):
        stage.step(number)
    seconds = time.perf_counter() - started
    field = stage.field(latents=stage.latents())
    known = train.subset(range(min(256, len(train.names))))
    coordinates, targets = known.observe(torch.arange(len(known.names)))
    with torch.no_grad():
        values = field.instance(field.latents[: len(known.names)])(coordinates.to(field.device))
    return {
        "train_psnr": float(train.signal.score(values, targets.to(field.device)).mean()),
        "unseen_psnr": float(scores(field, unseen).mean()),
        "seconds": seconds,
        "learnable": preset.modulation.learnable_parameters,
    }


def main(settings: Ablations) -> None:
    """Run both tables."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    train, unseen = split(load_images(settings.data, settings.resolution), 0.1, settings.seed)
    results = {
        table: {name: run(preset, train, unseen, settings) for name, preset in variants.items()}
        for table, variants in rows().items()
    }
    for table, variants in results.items():
        shown = Table("", "train PSNR", "unseen PSNR", "seconds", "learnable", title=table)
        for name, row in variants.items():
            figures = [f"{row['train_psnr']:.2f}", f"{row['unseen_psnr']:.2f}", f"{row['seconds']:.0f}"]
            shown.add_row(name, *figures, f"{row['learnable'] / 1e3:.1f} K")
        Console().print(shown)
    print(json.dumps(results))


if __name__ == "__main__":
    main(tyro.cli(Ablations))
