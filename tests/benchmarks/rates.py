"""Short runs over shapes and sizes of set, at rates that follow from them: `python -m tests.benchmarks.rates --help`.

A run is given by how much better it is, over its last half, than the best constant picture, in dB; one that collapses
has 0 or less. Prints a table, and JSON.
"""

import copy
import json
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table

from mnif_core import ImageTrainer, VoxelTrainer
from mnif_core.data.demo.car_scenes import default_demo_root, make_demo_cars
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.presets import PRESETS
from mnif_core.training.collapse import Collapse, CollapseWatch, errors
from mnif_core.training.field_stage import FieldStage

Kind = Literal["scene", "image", "solid"]
SHAPES = {
    "scene": [(m, h, w0) for m, h in ((16, 8), (32, 16), (64, 32), (256, 128)) for w0 in (5.0, 10.0, 30.0, 50.0)],
    "image": [(m, h, w0) for m, h in ((16, 16), (64, 64), (256, 128)) for w0 in (15.0, 30.0, 50.0)],
    "solid": [(m, h, w0) for m, h in ((16, 16), (64, 64), (256, 128)) for w0 in (5.0, 10.0, 30.0)],
}
SIZES = {"scene": (1, 5, 16), "image": (1, 2, 16), "solid": (1, 3, 16)}
USUAL = {"scene": (32, 16, 10.0), "image": (64, 64, 30.0), "solid": (64, 64, 10.0)}


@dataclass
class Sweep:
    """What to run."""

    kinds: tuple[Kind, ...] = ("scene", "image", "solid")
    """Modalities."""
    steps: int = 300
    """Of stage 1, at least 300. Half a minute a row on two CPU cores."""
    seed: int = 0
    """Of weights, batches and noise."""
    json: Path | None = None
    """File for the figures."""


@dataclass(frozen=True)
class Run:
    """One row: bases M, latent dimensions H, w0, and instances. None: the whole demo set."""

    kind: Kind
    bases: int
    latents: int
    w0: float
    instances: int | None = None


def runs(kinds: tuple[Kind, ...]) -> list[Run]:
    """All rows: shapes on the whole set, then small sets at the usual shape."""
    rows = [Run(kind, *shape) for kind in kinds for shape in SHAPES[kind]]
    return rows + [Run(kind, *USUAL[kind], size) for kind in kinds for size in SIZES[kind]]


def gain(watch: CollapseWatch, take: Callable[[int], Any], count: int) -> float:
    """dB better than the best constant that `watch` finds the last half of `count` steps."""
    total = torch.zeros_like(watch.totals)
    try:
        for step in range(count):
            before = watch.totals.clone()
            take(step)
            if step >= count // 2 and watch.totals[0] > before[0]:  # else the watch has begun anew
                total += watch.totals - before
    except Collapse:
        return 0.0
    found, constant = errors(total)
    return 10 * math.log10(constant / found)


def scene_gain(run: Run, settings: Sweep, scratch: Path) -> float:
    """Of a run of mnif-tiny."""
    from mnif_nerfstudio.methods import mnif_tiny

    data = make_demo_cars(default_demo_root())
    if run.instances is not None:
        few = scratch / "few"
        for scene in sorted((data / "cars_train").iterdir())[: run.instances]:
            shutil.copytree(scene, few / "cars_train" / scene.name)
        data = few
    config: Any = copy.deepcopy(mnif_tiny.config)
    config.data, config.output_dir, config.experiment_name, config.timestamp = data, scratch, "sweep", "now"
    config.machine.seed, config.pipeline.fit_steps = settings.seed, settings.steps
    config.pipeline.datamanager.data = data
    model = config.pipeline.model
    model.num_bases, model.latent_dim, model.w0 = run.bases, run.latents, run.w0
    torch.manual_seed(settings.seed)
    trainer = config.setup()
    trainer.setup()
    trainer.pipeline.train()
    return gain(trainer.pipeline.watch, trainer.train_iteration, settings.steps)


def grid_gain(run: Run, settings: Sweep, scratch: Path) -> float:
    """Of a run of image-tiny or voxel-tiny."""
    trainer = (ImageTrainer if run.kind == "image" else VoxelTrainer)(output_dir=scratch / "run", device="cpu")
    train = trainer.train if run.instances is None else trainer.train.subset(range(run.instances))
    preset = PRESETS["image-tiny" if run.kind == "image" else "voxel-tiny"]
    assert isinstance(preset.modulation, MixtureConfig)
    preset = replace(
        preset,
        modulation=replace(preset.modulation, num_bases=run.bases, latent_dim=run.latents, w0=run.w0),
        stage_1=replace(preset.stage_1, length=settings.steps),
    )
    torch.manual_seed(settings.seed)
    stage = FieldStage(Fabric(accelerator="cpu", devices=1), preset, train, None, settings.seed)
    return gain(stage.watch, stage.step, settings.steps)


def main(settings: Sweep) -> None:
    """Run all, print the table, write the figures."""
    table = Table("kind", "M", "H", "w0", "instances", "dB better than a constant")
    figures = []
    for run in runs(settings.kinds):
        with tempfile.TemporaryDirectory() as scratch:
            found = (scene_gain if run.kind == "scene" else grid_gain)(run, settings, Path(scratch))
        cells = (run.kind, run.bases, run.latents, f"{run.w0:g}", run.instances or "all", f"{found:.2f}")
        print(*cells, flush=True)
        table.add_row(*map(str, cells))
        figures.append({**vars(run), "gain_db": round(found, 2)})
    Console().print(table)
    if settings.json is not None:
        settings.json.write_text(json.dumps({"steps": settings.steps, "seed": settings.seed, "runs": figures}))


if __name__ == "__main__":
    main(tyro.cli(Sweep, description=__doc__))
