"""nerfstudio's trainer with atomic checkpoints, absolute step counts, typed errors and a report at the end."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.distributed as dist
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils import comms
from nerfstudio.utils.decorators import check_main_thread
from tyro.conf import Suppress

from mnif_core.errors import CheckpointError, MnifError, TrainingError, printable
from mnif_core.files.atomic import writing
from mnif_core.files.notes import tell
from mnif_core.training.collapse import Collapse, next_attempt, slowed
from mnif_core.training.learning_rates import latents_rate, rated_parameters
from mnif_nerfstudio.checkpoint_file import check_checkpoint
from mnif_nerfstudio.cpu_processes import CpuProcesses
from mnif_nerfstudio.moved_run import folder_with
from mnif_nerfstudio.one_line_errors import errors_in_one_line
from mnif_nerfstudio.pipeline import MnifPipeline
from mnif_nerfstudio.report import write_report
from mnif_nerfstudio.schedulers import StageCosineSchedulerConfig

INTERRUPTED = 130  # exit code of what Ctrl-C has ended


@dataclass
class MnifTrainerConfig(TrainerConfig):
    """A run of both stages; `--max-num-iterations` caps the absolute step, also after a resume."""

    _target: type[Any] = field(default_factory=lambda: MnifTrainer)
    shared_by: Annotated[MachineConfig | None, Suppress] = field(default=None, init=False, repr=False)
    """Processes on CPUs that share a step, once the run has moved them here from `machine`; no option."""
    max_num_iterations: int = 10**9
    """Absolute step at which to stop, if that is before the end of stage 2."""

    def set_experiment_name(self) -> None:
        """Name the experiment after its data, or after the demo set."""
        if self.experiment_name is None and self.data is None and self.pipeline.datamanager.data is None:
            self.experiment_name = "demo-cars"
        super().set_experiment_name()

    def get_base_dir(self) -> Path:
        """The run's folder: that of the config.yml being read if checkpoints lie there, else as recorded."""
        return folder_with(self.relative_model_dir) or super().get_base_dir()

    def save_config(self) -> None:
        """Write config.yml, by which nerfstudio's other commands also find the run's field.

        This is the first that a run does: from here on, what a user can mend ends `ns-train` in one line.
        """
        errors_in_one_line()
        stages: Any = self.pipeline
        stages.field_folder = self.get_base_dir() / "field"
        with writing(self.get_base_dir()):
            super().save_config()
        machine = self.machine
        if machine.device_type == "cpu" and machine.num_devices * machine.num_machines > 1:
            self.shared_by, self.machine = machine, replace(machine, num_devices=1, num_machines=1)

    def setup(self, **kwargs: Any) -> Any:
        """The trainer of this process, or what starts a trainer in each of several processes on CPUs."""
        if self.shared_by is not None and not dist.is_initialized():
            return CpuProcesses(self, self.shared_by)
        return super().setup(**kwargs)


class MnifTrainer(Trainer):
    """Runs to the end of stage 2, whatever step it starts from."""

    pipeline: MnifPipeline
    config: MnifTrainerConfig

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Build pipeline, optimisers and viewer, and load the checkpoint that was asked for."""
        stages: Any = self.config.pipeline
        self.config.max_num_iterations = min(self.config.max_num_iterations, stages.steps)
        with self._interruptible():
            super().setup(test_mode)

    def setup_optimizers(self) -> Optimizers:
        """Build the optimisers, each schedule spanning the stage that its parameters are trained in."""
        stages = self.pipeline.config
        spans = {
            "bases": (0, stages.fit_steps),
            "latents": (0, stages.fit_steps),
            "prior": (stages.fit_steps, stages.prior_steps),
        }
        for name, (start, steps) in spans.items():
            scheduler = self.config.optimizers[name]["scheduler"]
            if isinstance(scheduler, StageCosineSchedulerConfig):
                scheduler.start_step, scheduler.num_steps = start, steps
        parameters = self.pipeline.get_param_groups()
        rates = {name: settings["optimizer"].lr for name, settings in self.config.optimizers.items()}
        mixture = self.pipeline.mnif.field.mixture
        of_latents = latents_rate(mixture.config, rates["latents"], rates["bases"])
        rated: dict[str, Any] = {
            **parameters,
            "bases": rated_parameters(mixture, rates["bases"]),
            "latents": [{"params": parameters["latents"], "lr": of_latents}],
        }
        optimizers = Optimizers(self.config.optimizers.copy(), rated)
        optimizers.parameters = parameters  # whose gradients it clips
        return optimizers

    def _slow_down(self) -> None:
        """Let the rates of stage 1 be those of the attempt."""
        for name in ("bases", "latents"):
            scheduler = self.config.optimizers[name]["scheduler"]
            if isinstance(scheduler, StageCosineSchedulerConfig):
                scheduler.share = slowed(int(self.pipeline.attempt))

    def train(self) -> None:
        """Train from the loaded step to the end; a finished run only reports anew.

        Raises:
            TrainingError: the loss is not finite, or stage 1 learns nothing at any rate.
        """
        end = self.config.max_num_iterations
        while True:
            # nerfstudio counts iterations from the step it resumes at
            self.config.max_num_iterations = max(0, end - self._start_step)
            self.step = max(0, self._start_step - 1)
            try:
                with self._interruptible():
                    super().train()
                return
            except Collapse as collapse:
                attempt, told = int(self.pipeline.attempt), comms.is_main_process()
                self.pipeline.start_again(next_attempt(collapse, attempt, self.base_dir, told))
                self._slow_down()
                self.optimizers, self._start_step = self.setup_optimizers(), 0

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """One line of a full disk, and after Ctrl-C, which nerfstudio answers with a stack trace and exit code 0."""
        try:
            with writing(self.base_dir):
                yield
        except KeyboardInterrupt:
            left = sorted(self.checkpoint_dir.glob("step-*.ckpt"))
            remedy = f"go on with --load-dir {self.checkpoint_dir}" if left else "nothing was saved yet"
            print(f"ns-train: interrupted; {remedy}", file=sys.stderr, flush=True)
            sys.exit(INTERRUPTED)

    def train_iteration(self, step: int) -> Any:
        """One step of either stage, timed.

        Raises:
            TrainingError: the loss is not finite, or nothing was learned. The last checkpoint stays as it is.
        """
        started = time.perf_counter()
        result = super().train_iteration(step)
        in_prior_stage = self.pipeline.in_prior_stage(step)
        self.pipeline.stage_seconds[int(in_prior_stage)] += time.perf_counter() - started
        if step % 50 == 0 and not torch.isfinite(result[0]):
            failure = TrainingError if in_prior_stage else Collapse
            raise failure(
                f"{self.checkpoint_dir}: loss is {result[0].item()} at step {step}; "
                "resume from the last checkpoint here with a lower learning rate"
            )
        if not in_prior_stage:
            self.pipeline.judge(step)
        return result

    @check_main_thread
    def save_checkpoint(self, step: int) -> None:
        """Write the checkpoint beside its folder, then move it in: a killed run leaves the last one whole.

        Raises:
            CheckpointError: no space, or not writable. The older checkpoint is as it was.
        """
        self.checkpoint_dir.mkdir(parents=True, exist_ok=True)
        target = self.checkpoint_dir / f"step-{step:09d}.ckpt"
        scratch = self.base_dir / f".checkpoint-{os.getpid()}.tmp"
        state = {
            "step": step,
            "pipeline": self.pipeline.state_dict(),
            "optimizers": {name: value.state_dict() for name, value in self.optimizers.optimizers.items()},
            "schedulers": {name: value.state_dict() for name, value in self.optimizers.schedulers.items()},
            "scalers": self.grad_scaler.state_dict(),
        }
        try:
            torch.save(state, scratch)
            os.replace(scratch, target)
        except (OSError, RuntimeError) as error:  # torch's own where a disk is full
            scratch.unlink(missing_ok=True)
            raise CheckpointError(
                f"{target}: cannot be written ({printable(error, 200)}); free space, and go on from the last checkpoint"
            ) from error
        for other in self.checkpoint_dir.glob("step-*.ckpt"):
            of_before = int(self.pipeline.attempt) > 0 and other > target
            if of_before or (self.config.save_only_latest_checkpoint and other != target):
                other.unlink()

    def _load_checkpoint(self) -> None:
        path = self._checkpoint_path()
        if path is not None:
            check_checkpoint(path)
        try:
            super()._load_checkpoint()
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        except MnifError:
            raise
        except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            if path is None:
                raise
            reason = printable(f"{type(error).__name__}: {error}", 200)
            raise CheckpointError(
                f"{path}: does not fit this run ({reason}); resume with the method and settings of the run's config.yml"
            ) from error
        self._slow_down()
        if self._start_step >= self.config.max_num_iterations:
            # the table of steps in the terminal fails where no step is taken
            self.config.logging.local_writer.enable = False

    def _checkpoint_path(self) -> Path | None:
        config = self.config
        if config.load_dir is None:
            return config.load_checkpoint
        if config.load_step is not None:
            return config.load_dir / f"step-{config.load_step:09d}.ckpt"
        found = sorted(config.load_dir.glob("step-*.ckpt"))
        if not found:
            raise CheckpointError(
                f"{config.load_dir}: no checkpoint (step-*.ckpt) here; pass the nerfstudio_models folder of a run"
            )
        config.load_step = int(found[-1].stem.removeprefix("step-"))
        return found[-1]

    def _after_train(self) -> None:
        # the viewer holds the process after training: report before it does
        quits, self.config.viewer.quit_on_train_completion = self.config.viewer.quit_on_train_completion, True
        if max(self.step + 1, self._start_step) >= self.pipeline.config.steps:
            self.pipeline.selection.choose()
        super()._after_train()
        if comms.is_main_process():
            tell(write_report(self.pipeline, self.base_dir))
        self.config.viewer.quit_on_train_completion = quits
        if not quits:
            self._train_complete_viewer()
