"""Makes the demo fields that the package brings, `demo:cars` and the like: `python -m tests.benchmarks.demo_fields`.

Each is a run of its command's defaults over its demo set, half an hour on one CPU core for all three; finished runs in
`--runs` are taken as they are. What is kept of a run is what shows it: numbers of 16 bits, and of diffusion the EMA
weights. A diffusion prior is trained again with fewer channels, so that all three take less than 6 MB.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from lightning_fabric import Fabric

from mnif_core import GenerativeField, ImageTrainer, VoxelTrainer
from mnif_core.data.demo.car_scenes import default_demo_root, make_demo_cars
from mnif_core.data.readers import read_observations
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.metrics.extractors import offline_extractor
from mnif_core.evaluation.scene_evaluation import SceneSubject
from mnif_core.evaluation.splits import scene_splits, splits
from mnif_core.export.model_folder import write_model_folder
from mnif_core.files.atomic import write_json
from mnif_core.files.stored_config import parse_json
from mnif_core.latents.novelty import sample_novelty
from mnif_core.presets import PRESETS
from mnif_core.prior.latent_prior import LatentPrior
from mnif_core.saved_run import DEMO_FIELDS, PREFIX
from mnif_core.sheets import tiles
from mnif_core.training.loop import run_stage
from mnif_core.training.prior_choice import held_out_of
from mnif_core.training.prior_stage import PriorStage
from mnif_core.unseen.reconstruction import scores

WIDTH = 192  # channels of a demo field's diffusion prior
HELD_OUT = "views held out of training scenes"
VIEWS, SHOWN = 160, 16  # held-out views that judge cars; training instances whose pictures are compared
MADE = """
## How it was made

`{command}`, seed {seed}, on the demo set that the command brings; then `python -m tests.benchmarks.demo_fields`.
"""


@dataclass
class Settings:
    """What to make, and where."""

    runs: Path = Path("outputs/demo-field-runs")
    """Folder of the runs `cars`, `clothes` and `solids`; those that are missing are trained."""
    output: Path = DEMO_FIELDS
    """Folder that the fields are written to; older ones are replaced."""
    seed: int = 0
    """Of the runs."""


@dataclass(frozen=True)
class Demo:
    """One demo field: how its run is trained, and what judges it."""

    name: str
    preset: str
    command: str
    train: Callable[[Path, int], Any]
    score_name: str
    score: Callable[[GenerativeField], float]


def train_cars(folder: Path, seed: int) -> None:
    """`ns-train mnif-tiny` into `folder`."""
    command = [sys.executable, "-m", "nerfstudio.scripts.train", "mnif-tiny", "--machine.seed", str(seed)]
    command += ["--output-dir", str(folder.parent), "--experiment-name", folder.name]
    subprocess.run(command, check=True)


def held_out_psnr(field: GenerativeField) -> float:
    """Mean dB over held-out views of training cars."""
    cars = scene_splits(field.names, make_demo_cars(default_demo_root()))
    subject = SceneSubject(field, cars, offline_extractor(field.device), EvaluationConfig(views=VIEWS))
    return float(subject.reconstruction(HELD_OUT)["PSNR"])


def unseen_score(field: GenerativeField) -> float:
    """Mean score of the instances of the demo set that the run has held out."""
    return float(scores(field, splits(field.names, read_observations(field.signal, None))["test"]).mean())


DEMOS = [
    Demo("cars", "mnif-tiny", "ns-train mnif-tiny", train_cars, "held-out PSNR, dB", held_out_psnr),
    Demo(
        "clothes",
        "image-tiny",
        "mnif image",
        lambda folder, seed: ImageTrainer(output_dir=folder, seed=seed).fit(),
        "unseen PSNR, dB",
        unseen_score,
    ),
    Demo(
        "solids",
        "voxel-tiny",
        "mnif voxel",
        lambda folder, seed: VoxelTrainer(output_dir=folder, seed=seed).fit(),
        "unseen IoU",
        unseen_score,
    ),
]


def finished_run(demo: Demo, settings: Settings) -> Path:
    """The folder of the demo's run, which is trained where it is not there."""
    folder = settings.runs / demo.name
    if not list(folder.rglob("summary.json")):
        demo.train(folder, settings.seed)
    return next(folder.rglob("summary.json")).parent


def with_small_prior(field: GenerativeField, preset: str, seed: int) -> GenerativeField:
    """The field with a diffusion prior of `WIDTH` channels in place of its own; as it is where it has another kind."""
    if not isinstance(field.prior, LatentPrior):
        return field
    small = replace(PRESETS[preset], prior=replace(field.prior.config, width=WIDTH))
    known, held_out = held_out_of(len(field.latents))
    torch.manual_seed(seed)
    stage = PriorStage(Fabric(accelerator="cpu"), small, field.latents[known], field.latents[held_out], seed)
    run_stage(stage, None, score_every=stage.steps // 20)
    return GenerativeField(field.modulation, field.latents, field.signal, stage.prior, field.names, field.fitter)


def picture_difference(field: GenerativeField, other: GenerativeField) -> float:
    """dB between the pictures of the first training instances of two fields."""
    first, second = (tiles(each, each.latents[:SHOWN]) for each in (field, other))
    return float(-10 * (first - second).square().mean().clamp(min=1e-12).log10())


def make(demo: Demo, settings: Settings) -> dict[str, Any]:
    """Write the demo field; its figures."""
    run = finished_run(demo, settings)
    field = with_small_prior(GenerativeField.load(run), demo.preset, settings.seed)
    with tempfile.TemporaryDirectory() as scratch:
        halved = GenerativeField.load(field.save(Path(scratch) / demo.name, half=True))
        summary = parse_json((run / "summary.json").read_text())
        figures = {
            "seed": settings.seed,
            f"{demo.score_name}, of the run": round(demo.score(field), 4),
            f"{demo.score_name}, kept in 16 bits": round(demo.score(halved), 4),
            "pictures, 32 against 16 bits, dB": round(picture_difference(field, halved), 1),
            "stage 1, seconds on one core": summary["stage_1_seconds"],
            **sample_novelty(halved.sample_latents(256, seed=1), halved.latents),
        }
        told, made = Path(scratch) / "run", Path(scratch) / "made" / demo.name
        write_json(told / "summary.json", figures)
        write_model_folder(field, made, told, half=True)
        shutil.copyfile(told / "summary.json", made / "summary.json")
        card = (made / "README.md").read_text().replace("path/to/this/folder", PREFIX + demo.name)
        (made / "README.md").write_text(card + MADE.format(command=demo.command, seed=settings.seed))
        target = settings.output / demo.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    return figures


def main() -> None:
    """Make all, and say how large they are."""
    settings = tyro.cli(Settings, description=__doc__)
    for demo in DEMOS:
        print(demo.name, make(demo, settings), flush=True)
    size = sum(path.stat().st_size for path in settings.output.rglob("*") if path.is_file())
    print(f"{size / 1e6:.2f} MB in {settings.output}")


if __name__ == "__main__":
    main()
