"""A run from data to GenerativeField: stage 1, latents, stage 2, report. Resumable anywhere, bit for bit on a CPU."""

import json
import math
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mnif_core.data.readers import read_observations
from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.files.atomic import writing
from mnif_core.files.notes import tell
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.preset_config import Preset
from mnif_core.presets import preset as named_preset
from mnif_core.prior.protocol import PriorChoice
from mnif_core.seeds import mixed_seed
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.observations import Observations, split
from mnif_core.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from mnif_core.training.collapse import Collapse, next_attempt
from mnif_core.training.config import Precision, TrainingConfig
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.identity import CLASSES, as_begun, require_same
from mnif_core.training.labelling import Labelling, read_labelling
from mnif_core.training.loop import Best, Reached, run_stage
from mnif_core.training.prior_choice import choose_prior, is_stepped, seen_at_points
from mnif_core.training.prior_stage import PriorStage
from mnif_core.training.report import write_report
from mnif_core.training.stages import Stage


class Trainer:
    """Learns a distribution over the instances of a data set.

    Processes: one, or those that `torchrun` starts, which share every batch.

    Args:
        data: what the reader of the modality takes (`data.readers`). None: the demo set.
        config: how to learn.
        preset: name of a preset of the modality.

    Raises:
        ConfigError, DataError, CheckpointError: before anything is trained.
    """

    modality: ClassVar[str]
    """Kind of signal."""
    usual_reading: ClassVar[dict[str, str]] = {}
    """How data are read where nothing else is chosen, as they were before there was a choice.

    By fields of the signal, which settings of the same names decide."""

    def __init__(self, data: Any, config: TrainingConfig, preset: str) -> None:
        chosen = named_preset(preset, self.modality)
        self.reading = {name: getattr(config, name) for name in self.usual_reading}
        if config.checkpoint_every < 1:
            raise ConfigError(f"checkpoint_every {config.checkpoint_every}: choose 1 or more")
        self.seed, self.checkpoint_every = config.seed, config.checkpoint_every
        self.output_dir = Path(config.output_dir or f"outputs/{preset}")
        self.path = self.output_dir / "checkpoint.safetensors"
        self.fabric = _fabric(config.device, config.precision)
        self.resumed = read_checkpoint(self.path, self.fabric.device) if config.resume else None
        if self.resumed is not None:
            chosen = as_begun(chosen, self.resumed[1].identity, f"{self.path}: preset")
        self.preset = _resolved(preset, chosen, config)
        everything = self.observations(data, config.skip_bad)
        self.train, self.validation = everything, None
        if round(self.preset.validation_share * len(everything.names)) > 0:
            self.train, self.validation = split(everything, self.preset.validation_share, self.seed)
        self.labelling = Labelling()
        if config.labels and (self.resumed is None or CLASSES in self.resumed[1].identity):
            unseen = [] if self.validation is None else self.validation.names
            self.labelling = read_labelling(data, everything.names, self.train.names, unseen)
        classes = self.labelling.classes
        self.preset = replace(self.preset, prior=replace(self.preset.prior, classes=len(classes)))
        self.identity = {
            "preset": json.loads(json.dumps(asdict(self.preset))),
            "reading": self.reading,
            "seed": self.seed,
            "instances": len(everything.names),
            "processes": self.fabric.world_size,
            **({CLASSES: classes} if classes else {}),
        }
        if self.resumed is not None:
            require_same(self.path, self.resumed[1].identity, self.identity, self.usual_reading)
        elif self.path.exists():
            raise ConfigError(f"{self.output_dir}: holds a run; pass --resume to go on, or another --output-dir")
        if self.fabric.device.type == "cuda":
            self.train = self.train.to(self.fabric.device)

    def observations(self, data: Any, skip_bad: bool) -> Observations:
        """Read the data of this modality: see `data.readers`."""
        signal = replace(SIGNALS[self.modality].at_resolution(self.preset.resolution), **self.reading)
        return read_observations(signal, data, skip_bad)

    def fit(self) -> GenerativeField:
        """Run what is left of both stages, write `field/`, `sheet.png` and `summary.json`, return the field.

        Raises:
            TrainingError: loss or gradient are not finite, or nothing is learned at any rate.
            CheckpointError, OutputError: the place is full or read-only; a checkpoint that was written is whole.
        """
        with writing(self.output_dir):
            return self._fit()

    def _fit(self) -> GenerativeField:
        self.output_dir.mkdir(parents=True, exist_ok=True)
        writer = SummaryWriter(str(self.output_dir)) if self.fabric.is_global_zero else None
        summary: dict[str, Any] = {"instances": len(self.train.names), "device": _device_name(self.fabric)}
        field_stage, times = self._fit_field(writer)
        summary |= times
        harvested = self._harvested()
        latents = self._latents(field_stage) if harvested is None else harvested
        summary["stage_1_seconds"] = self._earlier
        known = field_stage.field(latents=latents)
        held_out = None if self.validation is None else known.reconstruct(self.validation)
        diffusion, labels = None, self.labelling.numbers
        if is_stepped(self.preset.prior_kind):
            of_unseen = self.labelling.validation_numbers
            prior_stage = PriorStage(self.fabric, self.preset, latents, held_out, self.seed, labels, of_unseen)
            carried = {"latents": latents, **field_stage.weights()}
            summary |= self._run(2, prior_stage, carried, writer)
            diffusion = prior_stage.prior
        judges = latents[:0] if held_out is None else held_out
        seen = seen_at_points(known)
        choice = choose_prior(self.preset.prior_kind, diffusion, latents, latents, judges, labels, labels, seen)
        summary |= choice.summary() | self.labelling.summary()
        field = field_stage.field(choice.prior, latents)
        field.labels = self.labelling.train
        if writer is not None:
            writer.close()
            line = write_report(field, self.train, self.validation, self.output_dir, summary, choice.line(), held_out)
            tell(line)
        self.fabric.barrier()
        return field

    def _fit_field(self, writer: SummaryWriter | None) -> tuple[FieldStage, dict[str, Any]]:
        """Stage 1, again at lower rates where it has learned nothing."""
        attempt = 0 if self.resumed is None else self.resumed[1].attempt
        while True:
            # every process starts from the same weights
            torch.manual_seed(mixed_seed(self.seed, attempt) if attempt else self.seed)
            stage = FieldStage(self.fabric, self.preset, self.train, self.validation, self.seed, attempt)
            try:
                return stage, self._run(1, stage, {}, writer, attempt)
            except Collapse as collapse:
                attempt = next_attempt(collapse, attempt, self.output_dir, told=writer is not None)
                self.resumed = None

    def _run(
        self,
        number: Literal[1, 2],
        stage: Stage,
        carried: dict[str, Tensor],
        writer: SummaryWriter | None,
        attempt: int = 0,
    ) -> dict[str, Any]:
        """One stage, from where the checkpoint left it."""
        reached = Reached()
        if self.resumed is not None:
            tensors, done = self.resumed
            with self._naming_the_checkpoint():
                if done.stage > number:
                    stage.load_weights(tensors)
                    self._earlier = done.earlier_seconds
                    return {f"stage_{number}_seconds": done.earlier_seconds}
                if done.stage == number:
                    reached = Reached(done.step, done.seconds, _best(tensors, done))
                    if reached.steps > stage.steps:
                        raise CheckpointError(f"{reached.steps} steps of {stage.steps}; delete it and train again")
                    if reached.best is not None:
                        stage.load_weights(reached.best.weights)  # to see that they fit, before more is trained
                    stage.load_weights(tensors)
                    stage.load_progress(tensors)
        earlier = 0.0 if number == 1 else self._earlier

        def checkpoint(now: Reached) -> None:
            if self.fabric.is_global_zero:
                tensors, score = {**carried, **stage.weights(), **stage.progress()}, None
                if now.best is not None:
                    tensors |= {f"best.{name}": value for name, value in now.best.weights.items()}
                    score = now.best.score if math.isfinite(now.best.score) else None
                progress = Progress(number, now.steps, now.seconds, earlier, score, self.identity, attempt)
                write_checkpoint(self.path, tensors, progress)
            self.fabric.barrier()

        # auto-decoding finds a held-out latent in many steps, and so is scored less often
        scores = 5 if number == 1 and self.preset.fitting.strategy == "auto-decoding" else 20
        score_every = None if self.validation is None else max(1, stage.steps // scores)
        reached = run_stage(
            stage,
            writer,
            reached,
            score_every=score_every,
            checkpoint_every=self.checkpoint_every,
            checkpoint=checkpoint,
        )
        self._earlier = round(reached.seconds, 1)
        return {f"stage_{number}_seconds": self._earlier}

    def _latents(self, stage: FieldStage) -> Tensor:
        """Of all training instances `[n, h]`; a run that is killed here goes on from the end of stage 1."""
        started = time.perf_counter()
        found = stage.refitted()
        if found is None:
            return stage.latents()
        self._earlier = round(self._earlier + time.perf_counter() - started, 1)
        if self.fabric.is_global_zero:
            tell(str(found))
        return found.latents

    _earlier = 0.0

    def _harvested(self) -> Tensor | None:
        """The training latents `[n, h]` of a run that is in stage 2."""
        latents = self.resumed[0].get("latents") if self.resumed is not None else None
        if latents is None and self.resumed is not None and self.resumed[1].stage == 2:
            raise CheckpointError(f"{self.path}: no latents, which stage 2 needs; delete it and train again")
        wanted = (len(self.train.names), self.preset.modulation.latent_dim)
        if latents is not None and (latents.shape != wanted or latents.dtype != torch.float32):
            raise CheckpointError(
                f"{self.path}: latents are {latents.dtype} {list(latents.shape)}, not {list(wanted)}; "
                "delete it and train again"
            )
        return latents

    @contextmanager
    def _naming_the_checkpoint(self) -> Iterator[None]:
        try:
            yield
        except CheckpointError as error:
            raise CheckpointError(f"{self.path}: {error}") from error


def _best(tensors: dict[str, Tensor], done: Progress) -> Best | None:
    """The best score and its weights, where there are any."""
    prefix = "best."
    weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    return None if done.best is None else Best(done.best, weights)


def _resolved(name: str, chosen: Preset, config: TrainingConfig) -> Preset:
    """The preset `chosen`, of a name, changed as a run asks for."""
    for option in ("fit_length", "prior_length", "latent_dim", "resolution"):
        value = getattr(config, option)
        if value is not None and value < 1:
            raise ConfigError(f"{option} {value}: choose 1 or more")
    if config.prior is not None and config.prior not in get_args(PriorChoice):
        raise ConfigError(f"prior '{config.prior}': choose one of {', '.join(get_args(PriorChoice))}")
    if config.orthogonality < 0:
        raise ConfigError(f"orthogonality {config.orthogonality}: choose 0 or more")
    if config.orthogonality > 0 and not isinstance(chosen.modulation, MixtureConfig):
        raise ConfigError(f"orthogonality {config.orthogonality}: only mixtures have bases; leave it out")
    noise = chosen.fitting.latent_noise if config.latent_noise is None else config.latent_noise
    if noise < 0:
        raise ConfigError(f"latent_noise {noise}: choose 0 or more")
    if noise > 0 and chosen.fitting.strategy != "auto-decoding":
        raise ConfigError(f"latent_noise {noise}: preset '{name}' has no table of latents to add it to; leave it out")
    latent_dim = config.latent_dim or chosen.modulation.latent_dim
    return replace(
        chosen,
        modulation=replace(chosen.modulation, latent_dim=latent_dim),  # type: ignore[call-arg]  # of every modulation
        prior=replace(chosen.prior, latent_dim=latent_dim),
        fitting=replace(chosen.fitting, latent_noise=noise),
        stage_1=replace(chosen.stage_1, length=config.fit_length or chosen.stage_1.length),
        stage_2=replace(chosen.stage_2, length=config.prior_length or chosen.stage_2.length),
        resolution=config.resolution or chosen.resolution,
        orthogonality=config.orthogonality,
        prior_kind=config.prior or chosen.prior_kind,
    )


def _fabric(device: str, precision: Precision) -> Fabric:
    """One process, or those of torchrun's environment."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: no GPU that torch can use; pass --device cpu")
    local, world = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), int(os.environ.get("WORLD_SIZE", 1))
    strategy = "ddp" if world > 1 else "auto"
    fabric = Fabric(accelerator=device, strategy=strategy, devices=local, num_nodes=world // local, precision=precision)
    fabric.launch()
    return fabric


def _device_name(fabric: Fabric) -> str:
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    return platform.processor() or platform.machine()
