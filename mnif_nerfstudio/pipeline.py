"""Both stages of one run: fit bases and latents, then learn the prior over the latents."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from nerfstudio.data.datamanagers.base_datamanager import DataManagerConfig
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.base_model import ModelConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig
from torch import Tensor
from torch.cuda.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel

from mnif_core.errors import CheckpointError
from mnif_core.files.notes import tell
from mnif_core.freed_memory import keep_freed_memory
from mnif_core.latents.inner_loop import REFIT_RATE
from mnif_core.latents.refit import refit
from mnif_core.presets import NERF_S
from mnif_core.seeds import mixed_seed
from mnif_core.signals.scenes import SceneSignal
from mnif_core.training.collapse import ATTEMPTS, CollapseWatch, slowed
from mnif_core.training.prior_choice import is_stepped
from mnif_nerfstudio.datamanager import MultiSceneDataManager, MultiSceneDataManagerConfig
from mnif_nerfstudio.model import MnifModel, MnifModelConfig
from mnif_nerfstudio.moved_run import data_folder, folder_with
from mnif_nerfstudio.one_line_errors import errors_in_one_line
from mnif_nerfstudio.prior_batch import PriorBatch
from mnif_nerfstudio.prior_selection import PriorSelection
from mnif_nerfstudio.ray_losses import RayLosses
from mnif_nerfstudio.shares import Share
from mnif_nerfstudio.shown_scene import VARIABLE, selection_from_environment
from mnif_nerfstudio.space import space_of, with_space
from mnif_nerfstudio.state_check import check_state
from mnif_nerfstudio.viewer_panel import ViewerPanel


@dataclass
class MnifPipelineConfig(VanillaPipelineConfig):
    """Stages of a run, counted in absolute steps, so that a resumed run changes stage where it would have."""

    _target: type[Any] = field(default_factory=lambda: MnifPipeline)
    datamanager: DataManagerConfig = field(default_factory=MultiSceneDataManagerConfig)
    """Specifies the datamanager config."""
    model: ModelConfig = field(default_factory=MnifModelConfig)
    """Specifies the model config."""
    fit_steps: int = NERF_S.stage_1.length
    """Steps of stage 1 (auto-decoding, Alg. 2). The paper's 2,000 epochs of 2,458 scenes by 8."""
    prior_steps: int = NERF_S.stage_2.length
    """Steps of stage 2 (diffusion over the latents). The paper's 1,000 epochs of 2,458 latents by 32."""
    refit_steps: int = NERF_S.fitting.refit_steps
    """Steps on the latents alone after stage 1, where each scene keeps the better of two; the paper has none."""
    field_folder: Path = Path("field")
    """The run's field, beside which `mnif fit-scene` adds scenes; set by the run itself."""

    @property
    def steps(self) -> int:
        """Of both stages; a prior that is fitted at once has no stage 2."""
        model: Any = self.model
        return self.fit_steps + (self.prior_steps if is_stepped(model.prior_kind) else 0)

    def setup(self, **kwargs: Any) -> Any:
        """The pipeline; from here on, what a user can mend ends a command in one line."""
        errors_in_one_line()
        return super().setup(**kwargs)


class MnifPipeline(VanillaPipeline):
    """One run: `fit_steps` of stage 1, then `prior_steps` of stage 2; from then on the viewer samples."""

    config: MnifPipelineConfig
    datamanager: MultiSceneDataManager
    stage_seconds: Tensor
    attempt: Tensor
    space: Tensor
    refit_steps: Tensor

    def __init__(
        self,
        config: MnifPipelineConfig,
        device: str,
        test_mode: Literal["test", "val", "inference"] = "val",
        world_size: int = 1,
        local_rank: int = 0,
        grad_scaler: GradScaler | None = None,
    ) -> None:
        if test_mode != "val":  # not training: a run's config.yml
            data: Any = config.datamanager
            recorded = data.data if data.data is not None or data.dataparser.data == Path() else data.dataparser.data
            data.data = data_folder(recorded)
        else:
            keep_freed_memory()
        # the base class wraps in DDP with a device id, which fails on CPU: let it build one process's model
        super().__init__(config, device, test_mode, world_size=1, local_rank=local_rank, grad_scaler=grad_scaler)
        self.register_buffer("stage_seconds", torch.zeros(2))
        self.watch = CollapseWatch(config.fit_steps, 3, device)
        self.register_buffer("watched", self.watch.totals)  # so that it is in checkpoints
        self.register_buffer("watched_before", self.watch.before)
        self.register_buffer("attempt", torch.zeros((), dtype=torch.long))
        self.register_buffer("space", space_of(self.mnif.signal))
        self.register_buffer("refit_steps", torch.tensor(config.refit_steps))
        self.selection = PriorSelection(self.mnif, self.mnif.config.prior_kind)
        self.register_buffer("chosen_prior", self.selection.number)
        self.share = Share.of_this_process() if world_size > 1 else Share()
        # nerfstudio seeds each process apart by its rank
        self.seed = (torch.initial_seed() - self.share.rank) % 2**31
        self.generator = torch.Generator(device)
        self.mnif.processes = self.world_size = self.datamanager.world_size = world_size
        if world_size > 1:
            ids = [local_rank] if torch.device(device).type == "cuda" else None
            # buffers are the same everywhere: every process makes its own
            self._model = DistributedDataParallel(  # type: ignore[assignment]
                self._model, device_ids=ids, find_unused_parameters=True, broadcast_buffers=False
            )
            dist.barrier(device_ids=ids)
        moved = folder_with("field")
        self.mnif.field_folder = config.field_folder if moved is None else moved / "field"
        selection = selection_from_environment(self.mnif.scene_names)
        if selection.source == "fitted":
            self.mnif.shown = selection  # fitted to weights that are loaded later, and shown then
        else:
            self.mnif.show(selection)
        self.panel = ViewerPanel(self.mnif, self.datamanager)

    @property
    def mnif(self) -> MnifModel:
        """The model, out of its DDP wrapper."""
        model = self.model
        assert isinstance(model, MnifModel)
        return model

    def in_prior_stage(self, step: int) -> bool:
        """Whether `step` belongs to stage 2."""
        return step >= self.config.fit_steps

    def get_train_loss_dict(self, step: int) -> tuple[Any, dict[str, Tensor], dict[str, Tensor]]:
        """Outputs, losses and metrics of one step of the stage that `step` belongs to, over this process's share.

        All that is random follows from seed and step: a resumed run draws what it would have drawn, and processes
        draw what one would draw alone.
        """
        self.generator.manual_seed(mixed_seed(self.seed, step))
        return self._prior_loss() if self.in_prior_stage(step) else self._fit_loss(step)

    def _fit_loss(self, step: int) -> tuple[Any, dict[str, Tensor], dict[str, Tensor]]:
        rays, batch = self.datamanager.next_train(step)
        samples, scenes = self.mnif.signal.samples_per_ray, self.datamanager.scenes_per_step
        rays.metadata["jitter"] = torch.rand(len(rays), samples, generator=self.generator, device=self.device)
        noise = torch.randn(scenes, self.mnif.config.latent_dim, generator=self.generator, device=self.device)
        own, of_scene = self.share.rows(scenes), len(rays) // scenes
        chosen = slice(own.start * of_scene, own.stop * of_scene)
        batch, rays = {name: value[chosen] for name, value in batch.items()}, rays[chosen]
        rays.metadata["latent_noise"] = noise[own]  # by scene, where all else is by ray
        outputs = self._model(rays)
        outputs["rgb_error"] = self.share.weight(scenes) * outputs["rgb_error"]
        metrics = self.mnif.get_metrics_dict(outputs, batch)
        self.watch.see(outputs["rgb_error"].mean(), batch["image"])
        return outputs, self.mnif.get_loss_dict(outputs, batch, metrics), metrics

    def judge(self, step: int) -> None:
        """See whether stage 1 has learned anything, once `step` is done.

        Raises:
            Collapse: it has not.
        """
        self.watch.judge(step + 1, self._together, self.attempt)

    def _together(self, totals: Tensor) -> Tensor:
        if self.world_size == 1:
            return totals
        dist.all_reduce(totals)
        return totals

    def start_again(self, attempt: int) -> None:
        """Forget what stage 1 has learned; `attempt` counts its starts."""
        torch.manual_seed(mixed_seed(self.seed, attempt))  # every process starts from the same weights
        self.mnif.field.reset_parameters()
        self.attempt.fill_(attempt)
        self.stage_seconds.zero_()
        self.watch.forget()  # a loss that is not finite ends an attempt between two verdicts
        self.mnif.fit_updates += 1

    @torch.no_grad()
    def refit(self, rate: float) -> None:
        """Fit the latents once more to bases that stay as they are; `rate` is theirs at the start of stage 1."""
        started, model = time.perf_counter(), self.mnif
        found = refit(
            RayLosses(model, self.datamanager),
            model.latents,
            int(self.refit_steps),
            REFIT_RATE * rate * slowed(int(self.attempt)),
            # the penalty of a step sums over its batch, where errors are averaged
            self.datamanager.scenes_per_step * model.config.latent_weight_decay,
            rank=self.share.rank,
            processes=self.share.processes,
            together=self._together,
        )
        model.latents.copy_(found.latents)
        self.stage_seconds[0] += time.perf_counter() - started
        if self.share.rank == 0:
            tell(str(found))

    def _prior_loss(self) -> tuple[Any, dict[str, Tensor], dict[str, Tensor]]:
        model, size, known = self.mnif, self.mnif.config.prior_batch_size, self.selection.known()
        if not model.prior.is_fitted:
            model.prior.fit_statistics(model.latents.detach()[known])
        drawn = torch.randint(len(known), (size,), generator=self.generator, device=self.device)
        scenes = known[drawn]
        own, (timesteps, noise) = self.share.rows(size), model.prior.draw(size, self.generator)
        labels = None
        if model.label_numbers is not None:
            labels = model.prior.leave_out(model.label_numbers[scenes], self.generator)[own]
        outputs = self._model(PriorBatch(scenes[own], timesteps[own], noise[own], labels))
        outputs["prior_loss"] = self.share.weight(size) * outputs["prior_loss"]
        return outputs, model.get_loss_dict(outputs, {}), {}

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """After each step, keep the shown scene and the prior's EMA weights current; after stage 1, refit latents."""

        def after(step: int) -> None:
            if step == self.config.fit_steps - 1 and int(self.refit_steps) > 0:
                optimizers = training_callback_attributes.optimizers
                assert optimizers is not None
                self.refit(optimizers.optimizers["latents"].param_groups[0]["initial_lr"])
            if self.in_prior_stage(step):
                self.mnif.prior.update_ema()
                self.mnif.prior_updates += 1
            else:
                self.mnif.refresh_shown()
                self.mnif.fit_updates += 1

        def before(step: int) -> None:
            # gradients that stage 1 has accumulated must not be applied in stage 2
            if step == self.config.fit_steps:
                self.mnif.field.zero_grad(set_to_none=True)

        locations = TrainingCallbackLocation
        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback([locations.BEFORE_TRAIN_ITERATION], before),
            TrainingCallback([locations.AFTER_TRAIN_ITERATION], after),
        ]

    def load_pipeline(self, loaded_state: dict[str, Any], step: int) -> None:
        """Load a checkpoint's weights after checking that they fit, and show what is chosen with them.

        Raises:
            CheckpointError: of another method, other data, or other settings.
        """
        state = {key.removeprefix("module."): value for key, value in loaded_state.items()}
        state = {key.replace("_model.module.", "_model."): value for key, value in state.items()}
        prefix = "_model."
        weights = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        check_state(weights, self.mnif)
        self.mnif.update_to_step(step)
        self.mnif.load_state_dict(weights)
        self.stage_seconds.copy_(state["stage_seconds"])
        # runs of before know neither box nor background; data may have changed since
        self.space.copy_(state["space"] if "space" in state else space_of(SceneSignal()))
        self.mnif.field.signal = with_space(self.mnif.signal, self.space)
        self.datamanager.box = self.mnif.signal.box
        attempt = int(state.get("attempt", 0))
        if not 0 <= attempt < ATTEMPTS:
            raise CheckpointError(f"attempt {attempt} of {ATTEMPTS}; delete it and resume from the one before")
        kept = {"watched": self.watch.totals, "watched_before": self.watch.before, "attempt": self.attempt}
        for name, value in kept.items():
            if name in state:  # runs of before know nothing of them
                value.copy_(state[name])
        if "refit_steps" not in state:  # such runs have no refit
            self.refit_steps.zero_()
        self.selection.load(state.get("chosen_prior"))
        self.mnif.fit_updates += 1
        self.mnif.show(self.mnif.shown)
        if os.environ.get(VARIABLE):
            prior = self.mnif.generative_field().prior
            tell(f"{VARIABLE}: {self.mnif.shown.describe(self.mnif.scene_names, prior=prior)}")
