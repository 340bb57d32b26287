"""The methods that `ns-train` offers: `mnif`, the paper's SRN Cars configuration, and `mnif-tiny` for two CPU cores."""

from typing import Any

import torch
from nerfstudio.configs.base_config import LoggingConfig, MachineConfig, ViewerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig, OptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from mnif_core.latents.inner_loop import RowAdam
from mnif_nerfstudio.datamanager import MultiSceneDataManagerConfig
from mnif_nerfstudio.model import MnifModelConfig
from mnif_nerfstudio.optimizers import FusedAdamConfig, MixtureAdamConfig
from mnif_nerfstudio.pipeline import MnifPipelineConfig
from mnif_nerfstudio.schedulers import StageCosineSchedulerConfig
from mnif_nerfstudio.srn_dataparser import SrnDataParserConfig
from mnif_nerfstudio.trainer import MnifTrainerConfig


def _machine() -> MachineConfig:
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


def _optimizers(
    bases: OptimizerConfig, latents: OptimizerConfig, prior: OptimizerConfig, warmup_steps: int
) -> dict[str, Any]:
    schedule = {"bases": warmup_steps, "latents": warmup_steps, "prior": 0}
    groups = {"bases": bases, "latents": latents, "prior": prior}
    return {
        name: {"optimizer": group, "scheduler": StageCosineSchedulerConfig(warmup_steps=schedule[name])}
        for name, group in groups.items()
    }


# Paper A.2.3 and A.3. Where it is silent: w0 = 30, no jitter-free training (strata, as nerfstudio's methods), latent
# weight decay and start as small values (the authors' script: zeros, and 1.0 on the sum over the batch).
mnif = MethodSpecification(
    config=MnifTrainerConfig(
        method_name="mnif",
        machine=_machine(),
        vis="viewer+tensorboard",
        steps_per_save=2000,
        steps_per_eval_batch=10**9,
        steps_per_eval_image=2000,
        steps_per_eval_all_images=10**9,
        logging=LoggingConfig(steps_per_log=100, profiler="none"),
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        pipeline=MnifPipelineConfig(
            datamanager=MultiSceneDataManagerConfig(dataparser=SrnDataParserConfig(held_out_views=1)),
            model=MnifModelConfig(),
        ),
        optimizers=_optimizers(
            bases=FusedAdamConfig(lr=1e-4),
            latents=AdamOptimizerConfig(_target=RowAdam, lr=1e-4),
            prior=FusedAdamConfig(lr=1e-4),
            warmup_steps=0,
        ),
    ),
    description="Mixture of neural implicit functions over many scenes, the paper's SRN Cars configuration.",
)

# Many scenes with few rays each, low w0, high clipped rates that follow from the shape: what minutes on two cores need.
mnif_tiny = MethodSpecification(
    config=MnifTrainerConfig(
        method_name="mnif-tiny",
        machine=_machine(),
        vis="tensorboard",
        steps_per_save=500,
        steps_per_eval_batch=10**9,
        steps_per_eval_image=1000,
        steps_per_eval_all_images=10**9,
        logging=LoggingConfig(steps_per_log=50, profiler="none"),
        viewer=ViewerConfig(num_rays_per_chunk=1 << 12),
        pipeline=MnifPipelineConfig(
            fit_steps=2500,
            prior_steps=1500,
            datamanager=MultiSceneDataManagerConfig(
                dataparser=SrnDataParserConfig(held_out_views=3),
                scenes_per_step=64,
                views_per_scene=16,
                pixels_per_view=1,
                foreground_share=0.5,
            ),
            model=MnifModelConfig(
                hidden_layers=3,
                width=64,
                num_bases=32,
                latent_dim=16,
                w0=10.0,
                density="softplus",
                samples_per_ray=24,
                latent_weight_decay=1e-5,
                prior_width=512,
                prior_ema_decay=0.99,
                prior_batch_size=64,
            ),
        ),
        optimizers=_optimizers(
            bases=MixtureAdamConfig(max_norm=1.0),
            latents=AdamOptimizerConfig(_target=RowAdam, lr=1e-2, max_norm=1.0),
            prior=FusedAdamConfig(lr=1e-3),
            warmup_steps=100,
        ),
    ),
    description="mnif for a first look: demo cars or your own scenes in minutes on two CPU cores.",
)
