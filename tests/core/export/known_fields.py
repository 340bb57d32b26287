"""Fields whose shape and colours are known (sums of sines, written into a mixture by hand), and random ones."""

import math
from typing import Any

import torch

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal

CENTRE = (0.05, 0.0, 0.1)
WAVE = math.pi  # per unit of the data

SIGNALS: dict[str, Any] = {
    "image": (ImageSignal(8, 8), 2, 3, "sine"),
    "voxel": (VoxelSignal(12), 3, 1, "sine"),
    "scene": (SceneSignal(), 3, 4, "none"),
    "soft scene": (SceneSignal(density="softplus"), 3, 4, "none"),
}


def blob(kind: str, threshold: float = 2.5, latents: int = 2) -> GenerativeField:
    """A rounded solid around CENTRE, inside where the sum of cos(WAVE (x - centre)) over the axes is above `threshold`.

    Red grows along x, green along y, blue along z: 0.5 + 0.4 sin(WAVE x).
    """
    scene = kind == "scene"
    signal: Any = (
        SceneSignal(samples_per_ray=48, density="softplus", height=32, width=32, focal=32.8)
        if scene
        else VoxelSignal(24)
    )
    out_dim = 4 if scene else 1
    mixture = MixtureSiren(
        MixtureConfig(3, out_dim, hidden_layers=0, width=6, num_bases=1, latent_dim=1, coefficients="shared", w0=1.0)
    )
    wave = WAVE * (1.0 if scene else 0.5)  # coordinates of solids run from -1 to 1 over a cube of side 1
    first, bias = torch.zeros(6, 3), torch.zeros(6)
    first[:3], first[3:] = torch.eye(3) * wave, torch.eye(3) * wave
    bias[3:] = math.pi / 2 - WAVE * torch.tensor(CENTRE)
    last = torch.zeros(out_dim, 6)
    last[-1, 3:] = 40.0
    offset = torch.zeros(out_dim)
    offset[-1] = -40.0 * threshold
    if scene:
        last[:3, :3] = 0.8 * torch.eye(3)
    with torch.no_grad():
        for parameter, value in zip(mixture.basis_weights, (first, last), strict=True):
            parameter.copy_(value)
        for parameter, value in zip(mixture.basis_biases, (bias, offset), strict=True):
            parameter.copy_(value)
    names = [f"blob_{i}" for i in range(latents)]
    return GenerativeField(mixture, torch.ones(latents, 1), signal, names=names)


def inside(points: torch.Tensor, threshold: float = 2.5) -> torch.Tensor:
    """Whether points `[n, 3]` in the data's frame are in the solid."""
    return (WAVE * (points - torch.tensor(CENTRE))).cos().sum(-1) > threshold


def random_field(kind: str, prior: bool = False) -> GenerativeField:
    """An untrained field of one of SIGNALS, whose three instances differ."""
    torch.manual_seed(0)
    signal, coordinates, values, output = SIGNALS[kind]
    mixture = MixtureSiren(MixtureConfig(coordinates, values, 2, 32, 4, 6, w0=20.0, output_activation=output))
    latents, latent_prior = torch.randn(3, 6), LatentPrior(PriorConfig(6, width=32, blocks=1))
    latent_prior.fit_statistics(latents)
    return GenerativeField(mixture, latents, signal, latent_prior if prior else None, ["a", "b", "c"])
