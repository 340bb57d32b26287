"""A field of a few instances of any modality, made in a moment."""

from typing import Any

import torch

from mnif_core.generative_field import GenerativeField
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal

SIGNALS: dict[str, Any] = {
    "image": ImageSignal(8, 8),
    "voxel": VoxelSignal(12),
    "scene": SceneSignal(samples_per_ray=4, density="softplus", height=8, width=8, focal=8.0),
}
DIMENSIONS = {"image": (2, 3), "voxel": (3, 1), "scene": (3, 4)}


def small_field(kind: str, instances: int = 5, prior: bool = True) -> GenerativeField:
    """An untrained field of `kind`, whose instances differ."""
    torch.manual_seed(0)
    output: Any = "none" if kind == "scene" else "sine"
    mixture = MixtureSiren(MixtureConfig(*DIMENSIONS[kind], 1, 16, 4, 6, w0=20.0, output_activation=output))
    with torch.no_grad():
        mixture.projection.weight.mul_(5)
    latents = torch.randn(instances, 6)
    latent_prior = LatentPrior(PriorConfig(6, width=32, blocks=1))
    latent_prior.fit_statistics(latents)
    fitter = None if kind == "scene" else LatentFitter(FittingConfig(inner_rate=0.01), 6)
    names = [f"item_{i}" for i in range(instances)]
    return GenerativeField(mixture, latents, SIGNALS[kind], latent_prior if prior else None, names, fitter)
