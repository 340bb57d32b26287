"""Modulations side by side: each trained on the same data for the same time or steps, then evaluated alike.

Equal means: data and split, seed, batches, learnable parameters (the tiny presets'), budget of stage 1, stage 2.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch.utils.tensorboard import SummaryWriter

from mnif_core.data.readers import read_observations
from mnif_core.errors import ConfigError
from mnif_core.evaluation.comparison_config import ComparisonConfig
from mnif_core.evaluation.efficiency import counted
from mnif_core.evaluation.evaluation import evaluate
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.metrics.extractors import offline_extractor
from mnif_core.evaluation.subjects import subject_of
from mnif_core.files.atomic import write_json
from mnif_core.files.stored_config import parse_json
from mnif_core.generative_field import GenerativeField
from mnif_core.preset_config import Preset
from mnif_core.presets import PRESETS
from mnif_core.prior.denoiser import DenoiserConfig
from mnif_core.sheets import arrange, save_png, tiles
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.observations import Observations, split
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.loop import run_stage
from mnif_core.training.prior_stage import PriorStage

TRIAL = 0.05  # share of a budget of seconds spent on finding out how many steps it holds
HELD_OUT = 0.1  # share of the instances that no modulation sees
SHOWN = 8  # samples of each modulation on the sheet
ROW = "row.json"


@dataclass(frozen=True)
class Trained:
    """A field and what its training took."""

    field: GenerativeField
    steps: int
    seconds: float
    """Of stage 1."""
    prior_seconds: float


class Comparison(NamedTuple):
    """What became of each modulation."""

    rows: dict[str, dict[str, Any]]
    """Costs, steps, seconds and figures, by name."""
    sheet: Path
    """A picture: a row of the data, then one of samples for each modulation."""


def compare(config: ComparisonConfig, device: torch.device, folder: Path, told: Callable[[str], None]) -> Comparison:
    """Train and evaluate what is not finished in `folder`; write `comparison.json` and `sheet.png`.

    Args:
        config: what to compare.
        device: where.
        folder: one folder for each modulation, and what is written.
        told: called with a line as each modulation's turn comes.

    Raises:
        ConfigError: no budget or two, or a modulation named twice.
        DataError: as the readers of the modality.
    """
    _check(config)
    resolution = config.resolution or PRESETS[f"{config.modality}-tiny"].resolution
    signal = SIGNALS[config.modality].at_resolution(resolution)
    train, unseen = split(read_observations(signal, config.data, config.skip_bad), HELD_OUT, config.seed)
    rows: dict[str, dict[str, Any]] = {}
    for name in config.modulations:
        preset = preset_of(config, name)
        key = _key(config, preset, train, unseen)
        finished = _finished(folder / name, key)
        if finished is None:
            shutil.rmtree(folder / name, ignore_errors=True)
            count = preset.modulation.learnable_parameters
            told(f"{preset.modulation.kind}: {count / 1e6:.3f} M learnable")
            finished = _run(config, preset, train, unseen, device, folder / name)
            write_json(folder / name / ROW, {"key": key, "row": finished})
        else:
            told(f"{name}: finished before")
        rows[name] = finished
    write_json(folder / "comparison.json", rows)
    return Comparison(rows, _sheet(rows, train, folder))


def preset_of(config: ComparisonConfig, modulation: str) -> Preset:
    """The tiny preset of a modulation, with as many learnable parameters as the mixture's."""
    tiny = f"{config.modality}-tiny"
    preset = PRESETS[tiny if modulation == "mixture" else f"{tiny}-{modulation}"]
    return replace(
        preset,
        stage_1=replace(preset.stage_1, length=config.steps or preset.stage_1.length),
        prior=replace(preset.prior, width=config.prior_width or preset.prior.width),
        stage_2=replace(preset.stage_2, length=config.prior_steps),
        resolution=config.resolution or preset.resolution,
    )


def train_field(
    preset: Preset, train: Observations, seed: int, device: torch.device, seconds: float | None, folder: Path
) -> Trained:
    """Both stages, for `preset.stage_1.length` steps or for `seconds`; no instance is held out to choose weights by."""
    fabric = Fabric(accelerator=device.type, devices=1)
    if seconds is not None:
        length = _steps_in(seconds, preset, train, seed, fabric)
        preset = replace(preset, stage_1=replace(preset.stage_1, length=length, unit="steps"))
    torch.manual_seed(seed)
    stage = FieldStage(fabric, preset, train, None, seed)
    with SummaryWriter(str(folder)) as writer:
        taken = run_stage(stage, writer).seconds
        latents = stage.latents()
        prior = PriorStage(fabric, preset, latents, None, seed)
        prior_taken = run_stage(prior, writer).seconds
    return Trained(stage.field(prior.prior, latents), stage.steps, taken, prior_taken)


def _steps_in(seconds: float, preset: Preset, train: Observations, seed: int, fabric: Fabric) -> int:
    """Steps that the budget holds at the speed of a short trial, whose weights are thrown away."""
    stage = FieldStage(fabric, preset, train, None, seed)
    stage.step(0)  # the first allocates
    started, done = time.perf_counter(), 0
    while done < 3 or time.perf_counter() - started < TRIAL * seconds:
        stage.step(done)
        done += 1
    return max(1, round(seconds * done / (time.perf_counter() - started)))


def _run(
    config: ComparisonConfig,
    preset: Preset,
    train: Observations,
    unseen: Observations,
    device: torch.device,
    folder: Path,
) -> dict[str, Any]:
    trained = train_field(preset, train, config.seed, device, config.seconds, folder)
    field = trained.field
    field.save(folder / "field")
    extractor = offline_extractor(device)
    parts = {"train": train, "test": unseen}
    drawn = EvaluationConfig(samples=config.samples, seed=config.seed)
    figures = evaluate(subject_of(field, parts, extractor), extractor, drawn, folder).figures
    cost = counted(preset.modulation, field.signal.points)
    return {
        "learnable": cost.learnable,
        "inference": cost.inference,
        "macs": cost.macs,
        "steps": trained.steps,
        "seconds": round(trained.seconds, 1),
        "prior_seconds": round(trained.prior_seconds, 1),
        "extractor": extractor.name,
        "figures": figures,
    }


def _check(config: ComparisonConfig) -> None:
    if (config.seconds is None) == (config.steps is None):
        raise ConfigError("choose one budget: --seconds for equal time, or --steps for equal steps")
    for option in ("seconds", "steps", "prior_steps", "prior_width", "resolution"):
        value = getattr(config, option)
        if value is not None and value <= 0:
            raise ConfigError(f"{option} {value}: choose more than 0")
    if config.prior_width is not None:
        DenoiserConfig(
            latent_dim=1, width=config.prior_width
        )  # refuses what is no multiple, before anything is trained
    if len(set(config.modulations)) < len(config.modulations):
        raise ConfigError(f"modulations {' '.join(config.modulations)}: name each once")


def _key(config: ComparisonConfig, preset: Preset, train: Observations, unseen: Observations) -> dict[str, Any]:
    """What a finished row depends on, as JSON gives it back."""
    settings = {"preset": asdict(preset), "kind": preset.modulation.kind, "seconds": config.seconds}
    settings |= {"samples": config.samples, "seed": config.seed, "data": str(config.data)}
    return json.loads(json.dumps(settings | {"train": train.names, "unseen": unseen.names}))


def _finished(folder: Path, key: dict[str, Any]) -> dict[str, Any] | None:
    try:
        known = parse_json((folder / ROW).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(known, dict) or known.get("key") != key or not isinstance(known.get("row"), dict):
        return None
    return dict(known["row"])


def _sheet(rows: dict[str, dict[str, Any]], train: Observations, folder: Path) -> Path:
    """A row of the data's instances, and a row of samples for each modulation."""
    real = train.pictures(torch.arange(min(SHOWN, len(train.names))))
    pictures = [] if real is None else list(real)
    for name in rows:
        field = GenerativeField.load(folder / name / "field")
        pictures += list(tiles(field, field.sample_latents(SHOWN, seed=0)))
    return save_png(arrange(pictures, SHOWN), folder / "sheet.png")
