"""The methods of `ns-train`: `mnif`, the paper's SRN Cars; `mnif-tiny` for two CPU cores; `mnif-mid` between them."""

from typing import Any

import torch
from nerfstudio.configs.base_config import LoggingConfig, MachineConfig, ViewerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from mnif_core.latents.inner_loop import RowAdam
from mnif_core.preset_config import ScenePreset
from mnif_core.presets import MNIF_MID, MNIF_TINY, NERF_S
from mnif_nerfstudio.datamanager import MultiSceneDataManagerConfig
from mnif_nerfstudio.model import MnifModelConfig
from mnif_nerfstudio.optimizers import FusedAdamConfig, MixtureAdamConfig
from mnif_nerfstudio.pipeline import MnifPipelineConfig
from mnif_nerfstudio.preset_options import model_options
from mnif_nerfstudio.schedulers import StageCosineSchedulerConfig
from mnif_nerfstudio.srn_dataparser import SrnDataParserConfig
from mnif_nerfstudio.trainer import MnifTrainerConfig

NEVER = 10**9  # steps


def pipeline_of(preset: ScenePreset) -> MnifPipelineConfig:
    """Data, model and stages of a preset."""
    return MnifPipelineConfig(
        fit_steps=preset.stage_1.length,
        prior_steps=preset.stage_2.length,
        refit_steps=preset.fitting.refit_steps,
        datamanager=MultiSceneDataManagerConfig(
            dataparser=SrnDataParserConfig(held_out_views=preset.held_out_views),
            scenes_per_step=preset.stage_1.batch_size,
            views_per_scene=preset.views_per_scene,
            pixels_per_view=preset.pixels_per_view,
            foreground_share=preset.foreground_share,
            box=preset.box,
            labels=True,
        ),
        model=MnifModelConfig(**model_options(preset)),
    )


def optimizers_of(preset: ScenePreset) -> dict[str, Any]:
    """Optimiser and schedule of each group of parameters."""
    first, second = preset.stage_1, preset.stage_2
    assert second.rate is not None
    bases = (
        MixtureAdamConfig(max_norm=first.clip_norm)
        if first.rate is None
        else FusedAdamConfig(lr=first.rate, max_norm=first.clip_norm)
    )
    groups = {
        "bases": (bases, first.warmup_steps),
        "latents": (
            AdamOptimizerConfig(_target=RowAdam, lr=preset.latent_rate, max_norm=first.clip_norm),
            first.warmup_steps,
        ),
        "prior": (FusedAdamConfig(lr=second.rate, max_norm=second.clip_norm), second.warmup_steps),
    }
    return {
        name: {"optimizer": optimizer, "scheduler": StageCosineSchedulerConfig(warmup_steps=warmup_steps)}
        for name, (optimizer, warmup_steps) in groups.items()
    }


def _method(name: str, preset: ScenePreset, description: str, **trainer: Any) -> MethodSpecification:
    """A preset as a method; `trainer` is what `MnifTrainerConfig` takes besides, which decides no weight."""
    return MethodSpecification(
        config=MnifTrainerConfig(
            method_name=name,
            machine=MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu"),
            steps_per_eval_batch=NEVER,
            steps_per_eval_all_images=NEVER,
            pipeline=pipeline_of(preset),
            optimizers=optimizers_of(preset),
            **trainer,
        ),
        description=description,
    )


mnif = _method(
    "mnif",
    NERF_S,
    "Mixture of neural implicit functions over many scenes, the paper's SRN Cars configuration.",
    vis="viewer+tensorboard",
    steps_per_save=2000,
    steps_per_eval_image=2000,
    logging=LoggingConfig(steps_per_log=100, profiler="none"),
    viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
)
mnif_tiny = _method(
    "mnif-tiny",
    MNIF_TINY,
    "mnif for a first look: demo cars or your own scenes in minutes on two CPU cores.",
    vis="tensorboard",
    steps_per_save=500,
    steps_per_eval_image=1000,
    logging=LoggingConfig(steps_per_log=50, profiler="none"),
    viewer=ViewerConfig(num_rays_per_chunk=1 << 12),
)
mnif_mid = _method(
    "mnif-mid",
    MNIF_MID,
    "mnif between mnif-tiny and the paper's size: an evening on a laptop, minutes on a consumer GPU.",
    vis="viewer+tensorboard",
    steps_per_save=1000,
    steps_per_eval_image=2000,
    logging=LoggingConfig(steps_per_log=100, profiler="none"),
    viewer=ViewerConfig(num_rays_per_chunk=1 << 13),
)
