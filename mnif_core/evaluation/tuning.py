"""Latent dimensions, latent noise and length of stage 1, chosen by what samples are like, not by reconstruction.

Short runs of the trainer itself, in rounds of successive halving; each is scored by how far its samples are from the
instances that it has held out. One folder holds all: a folder for each run, and in `tune.json` what is finished.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mnif_core.errors import CheckpointError, ConfigError, DataError, TrainingError
from mnif_core.evaluation.generation_score import generation_score
from mnif_core.evaluation.tuning_config import TuningConfig
from mnif_core.evaluation.tuning_plan import Trial, plan
from mnif_core.files.atomic import write_json
from mnif_core.files.notes import tell
from mnif_core.files.stored_config import from_json, parse_json
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.preset_config import Preset, StageConfig
from mnif_core.presets import preset
from mnif_core.sheets import arrange, label, save_png, tiles
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.images import ImageTrainer
from mnif_core.training.prior_stage import PriorStage
from mnif_core.training.stages import Stage
from mnif_core.training.trainer import Trainer
from mnif_core.training.voxels import VoxelTrainer

TRAINERS: dict[str, Callable[..., Trainer]] = {"image": ImageTrainer, "voxel": VoxelTrainer}
"""Kind of signal -> what trains it."""
FEWEST = 8  # held-out instances: fewer tell no settings apart
TRIAL_STEPS, TRIAL_SECONDS = 5, 2.0  # at least, to tell the speed of a stage
SHOWN = 8  # instances in a row of the picture


@dataclass(frozen=True)
class Row:
    """A finished run."""

    latent_dim: int
    """H."""
    latent_noise: float
    """Share of the latents' spread."""
    length: int
    """Of stage 1, in the preset's unit."""
    score: float | None
    """Lower is better (see `generation_score`); none where nothing was learned."""
    figures: dict[str, Any]
    """That the score follows from, by name."""
    seconds: float
    """That the run took, score included."""
    folder: str
    """Of the run, in the search's."""


@dataclass(frozen=True)
class Search:
    """What `tune.json` holds."""

    key: dict[str, Any]
    """What the search follows from."""
    rounds: list[Any]
    """Of each round how many runs, and their lengths of stage 1 and of stage 2 in the preset's units."""
    rows: list[Any]
    """Finished runs, as `Row`."""


@dataclass(frozen=True)
class Tuned:
    """What a search has found."""

    rows: list[Row]
    """All runs, best first."""
    unit: str
    """Of their lengths."""
    command: list[str]
    """Trains the best settings."""
    picture: Path
    """A row of held-out instances, then a row of samples for each pair of H and noise, best first."""


def tune(config: TuningConfig, folder: Path) -> Tuned:
    """Do what is not finished in `folder`; `tune.json` is written after every run, `tune.png` at the end.

    Raises:
        ConfigError: scenes, settings out of range, too little time, or a folder that holds another search.
        DataError: too few held-out instances, known at points only, or as the readers of the modality.
    """
    candidates = _candidates(config)
    chosen, path = _preset(config), folder / "tune.json"
    settings = {name: value for name, value in asdict(config).items() if name != "device"}
    key = json.loads(json.dumps({"settings": settings, "preset": asdict(chosen)}, default=str))
    search = _read(path, key)
    if search is None:
        search = Search(key, _rounds(config, chosen, len(candidates), folder), [])
        write_json(path, asdict(search))
    rows = [from_json(Row, row, f"{path}: row") for row in search.rows]
    for runs, length, prior_length in search.rounds:
        finished: list[Row] = []
        for latent_dim, noise in candidates[:runs]:
            name = f"h{latent_dim}-noise{noise:g}-length{length}"
            row = next((row for row in rows if row.folder == name), None)
            if row is None:
                tell(f"H {latent_dim}, latent noise {noise:g}, stage 1 for {length} {chosen.stage_1.unit}")
                row = _run(config, folder / name, latent_dim, noise, length, prior_length)
                rows.append(row)
                write_json(path, asdict(Search(key, search.rounds, [asdict(row) for row in rows])))
            finished.append(row)
        candidates = [(row.latent_dim, row.latent_noise) for row in sorted(finished, key=_order)]
    rows.sort(key=_order)
    if rows[0].score is None:
        raise ConfigError(f"{folder}: no run has learned anything; pass more --minutes, or look at the data")
    return Tuned(rows, chosen.stage_1.unit, _command(config, chosen, rows), _picture(config, rows, folder))


def _preset(config: TuningConfig) -> Preset:
    return preset(_name(config), config.modality)


def _name(config: TuningConfig) -> str:
    return config.preset or f"{config.modality}-tiny"


def _candidates(config: TuningConfig) -> list[tuple[int, float]]:
    """Pairs of H and noise."""
    if config.modality not in TRAINERS:
        raise ConfigError(
            f"{config.modality}s are trained by ns-train, which mnif tune does not run; compare runs of it with other "
            "--pipeline.model.latent-dim and --pipeline.model.latent-noise by mnif evaluate"
        )
    chosen = _preset(config)
    own = chosen.modulation.latent_dim
    free = not isinstance(chosen.modulation, MixtureConfig) or chosen.modulation.coefficients == "latent"
    dims = config.latent_dims or ((max(1, own // 2), own, 2 * own) if free else (own,))
    noises = config.latent_noises
    if chosen.fitting.strategy != "auto-decoding":
        noises = tuple(noise for noise in noises if noise == 0.0)
    for option, values, least in (("latent_dims", dims, 1), ("latent_noises", noises, 0)):
        if any(value < least for value in values) or len(set(values)) < len(values) or not values:
            raise ConfigError(f"{option} {' '.join(map(str, values))}: name one or more, each once, {least} or more")
    return list(product(dims, noises))


def _trainer(config: TuningConfig, folder: Path, **settings: Any) -> Trainer:
    """Of one run, which goes on where its folder has a checkpoint; with enough held-out instances.

    Raises:
        DataError: too few, or known at points only.
    """
    common = {name: getattr(config, name) for name in ("data", "resolution", "seed", "skip_bad", "device")}
    resume = (folder / "checkpoint.safetensors").exists()
    trainer = TRAINERS[config.modality](preset=_name(config), output_dir=folder, resume=resume, **common, **settings)
    unseen = trainer.validation
    held_out = 0 if unseen is None else len(unseen.names)
    if unseen is None or held_out < FEWEST:
        raise DataError(
            f"{held_out} of {trainer.identity['instances']} instances are held out by {_name(config)}, which tell no "
            f"settings apart; pass --data with more, so that {FEWEST} or more are, or another --preset"
        )
    if unseen.pictures(torch.tensor([0])) is None:
        raise DataError(f"the {unseen.signal.noun}s are known at points only; pass data that have them whole")
    return trainer


def _run(config: TuningConfig, folder: Path, latent_dim: int, noise: float, length: int, prior_length: int) -> Row:
    started = time.perf_counter()
    settings = {"latent_dim": latent_dim, "latent_noise": noise, "fit_length": length, "prior_length": prior_length}
    trainer = _trainer(config, folder, **settings)
    score: float | None = None
    figures: dict[str, float] = {}
    try:
        field = trainer.fit()
    except TrainingError as error:
        tell(str(error))
    else:
        assert trainer.validation is not None
        score, figures = generation_score(field, trainer.validation)
    seconds = round(time.perf_counter() - started, 1)
    return Row(latent_dim, noise, length, score, figures, seconds, folder.name)


def _rounds(config: TuningConfig, chosen: Preset, candidates: int, folder: Path) -> list[list[int]]:
    """How many runs there are in each round, and how long, by the speed of a first one, which is done away with."""
    if not config.minutes > 0:
        raise ConfigError(f"minutes {config.minutes:g}: choose more than 0")
    started = time.perf_counter()
    trial = folder / "trial"
    shutil.rmtree(trial, ignore_errors=True)
    trainer = _trainer(config, trial, fit_length=1, prior_length=1)
    count = len(trainer.train.names)
    row = _run(config, trial, chosen.modulation.latent_dim, 0.0, 1, 1)
    shutil.rmtree(trial)
    stage = FieldStage(trainer.fabric, trainer.preset, trainer.train, None, config.seed)
    step = _seconds(stage)
    prior_step = _seconds(PriorStage(trainer.fabric, trainer.preset, stage.latents(), None, config.seed))
    units = [_steps_of_one(each, count) for each in (chosen.stage_1, chosen.stage_2)]
    most, most_prior = chosen.stage_1.steps(count), chosen.stage_2.steps(count)
    other = max(0.0, row.seconds - step * units[0] - prior_step * units[1])
    spent = time.perf_counter() - started
    found = plan(60.0 * config.minutes, candidates, Trial(step, prior_step, other, spent), most, most_prior)
    return [[each.runs, max(1, each.steps // units[0]), max(1, each.prior_steps // units[1])] for each in found]


def _steps_of_one(stage: StageConfig, instances: int) -> int:
    """Steps of one epoch, where that is the unit, or 1."""
    return stage.steps(instances) // stage.length


def _seconds(stage: Stage) -> float:
    """Of a step."""
    stage.step(0)  # the first allocates
    started, done = time.perf_counter(), 0
    while done < TRIAL_STEPS or time.perf_counter() - started < TRIAL_SECONDS:
        stage.step(done % stage.steps)
        done += 1
    return (time.perf_counter() - started) / done


def _read(path: Path, key: dict[str, Any]) -> Search | None:
    """What is finished of a search; none where nothing is."""
    if not path.exists():
        return None
    try:
        found = parse_json(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read; delete it and search again") from error
    search = from_json(Search, found, str(path))
    if search.key != key:
        raise ConfigError(f"{path}: holds a search of other settings; pass those to go on, or another --output-dir")
    return search


def _order(row: Row) -> tuple[bool, float]:
    return row.score is None, row.score or 0.0


def _command(config: TuningConfig, chosen: Preset, rows: list[Row]) -> list[str]:
    """What trains the best; where the longest runs were best, for as long as the preset, since more has only helped."""
    best, longest = rows[0], max(row.length for row in rows)
    options: dict[str, Any] = {"--data": config.data, "--preset": _name(config), "--latent-dim": best.latent_dim}
    if chosen.fitting.strategy == "auto-decoding":
        options["--latent-noise"] = f"{best.latent_noise:g}"
    if best.length < longest or longest >= chosen.stage_1.length:
        options["--fit-length"] = best.length
    options |= {"--resolution": config.resolution, "--seed": config.seed or None}
    words = [str(word) for option, value in options.items() if value is not None for word in (option, value)]
    return ["mnif", config.modality, *words, *(["--skip-bad"] if config.skip_bad else [])]


def _picture(config: TuningConfig, rows: list[Row], folder: Path) -> Path:
    """Of each pair of H and noise the best run's samples."""
    unseen = _trainer(config, folder / "unseen", fit_length=1, prior_length=1).validation
    assert unseen is not None
    shown = min(SHOWN, len(unseen.names))
    real = unseen.pictures(torch.arange(shown))
    assert real is not None
    pictures: list[Tensor] = [label("held out", real[0]), *real]
    seen: set[tuple[int, float]] = set()
    for row in rows:
        pair = (row.latent_dim, row.latent_noise)
        if pair in seen or row.score is None:
            continue
        seen.add(pair)
        field = GenerativeField.load(folder / row.folder / "field")
        text = f"H {row.latent_dim}\nnoise {row.latent_noise:g}\nlength {row.length}\nscore {row.score:.4g}"
        pictures += [label(text, real[0]), *tiles(field, field.sample_latents(shown, seed=0))]
    return save_png(arrange(pictures, shown + 1), folder / "tune.png")
