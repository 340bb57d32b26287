"""What is measured as one thing grows and all others stay: one panel of the picture a thing, one line a task.

Shape letters: s instances, p points.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from mnif_core.evaluation.metrics.fidelity import frechet_distance, manifold
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.inner_loop import LatentTable, auto_decoding_loss
from mnif_core.latents.novelty import sample_novelty
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.rendering.losses import SquaredError
from mnif_core.sheets import tiles
from mnif_core.signals.images import ImageSignal

Run = Callable[[], Any]
INSTANCES, POINTS = 8, 4096  # of a step, and of each of them
SAMPLES, FEATURES, CHUNK = 1000, 512, 64  # compared, numbers of each, pictures decoded at once
NERF_S = MixtureConfig()
PICTURES = MixtureConfig(in_dim=2, out_dim=3, hidden_layers=2, num_bases=64, latent_dim=64, output_activation="sine")


@dataclass(frozen=True)
class Line:
    """One task.

    Attributes:
        sizes: how much there is of what grows.
        prepared: a size -> what is measured.
    """

    sizes: tuple[int, ...]
    prepared: Callable[[int], Run]


def step(config: MixtureConfig = NERF_S, scenes: int = 64, points: int = POINTS) -> Run:
    """An auto-decoding step: mixing, loss, gradient, and Adam over the bases and the whole table of latents."""
    mixture = MixtureSiren(config)
    table = LatentTable(mixture.mean_latent(), scenes, 0.01)
    optimizer = torch.optim.Adam([*mixture.parameters(), *table.parameters()])
    coordinates = torch.rand(INSTANCES, points, config.in_dim) * 2 - 1
    targets = torch.rand(INSTANCES, points, config.out_dim)

    def run() -> None:
        latents = table(torch.randint(scenes, (INSTANCES,)))
        losses = mixture.instance(latents).loss(coordinates, SquaredError(targets))
        optimizer.zero_grad()
        auto_decoding_loss(losses, latents, 1e-4).backward()
        optimizer.step()

    return run


def decoding(config: MixtureConfig = NERF_S, points: int = POINTS) -> Run:
    """Values of one instance whose network is mixed already."""
    networks = MixtureSiren(config).instance(torch.zeros(1, config.latent_dim))
    coordinates = torch.rand(1, points, config.in_dim) * 2 - 1
    return lambda: networks(coordinates)


def mixing(config: MixtureConfig) -> Run:
    """The networks of some latents."""
    mixture, latents = MixtureSiren(config), torch.randn(INSTANCES, config.latent_dim)
    return lambda: mixture.instance(latents)


def novelty(scenes: int) -> Run:
    """How far samples lie from all training latents, and these from each other."""
    samples, training = torch.randn(SAMPLES, NERF_S.latent_dim), torch.randn(scenes, NERF_S.latent_dim)
    return lambda: sample_novelty(samples, training)


def drawing(count: int) -> Run:
    """Latents of a diffusion, 10 reverse steps."""
    prior = LatentPrior(PriorConfig(latent_dim=64, width=512))
    prior.fit_statistics(torch.randn(100, 64))
    return lambda: prior.sample(count, steps=10)


def pictures(count: int) -> Run:
    """Pictures of samples, a chunk after the other, of which one number each is kept."""
    mixture, latents = MixtureSiren(PICTURES), torch.randn(count, PICTURES.latent_dim)
    field = GenerativeField(mixture, latents, ImageSignal(32, 32))
    return lambda: torch.cat([tiles(field, chunk).mean((1, 2, 3)) for chunk in latents.split(CHUNK)])


def fidelity(count: int) -> Run:
    """Frechet distance, precision, recall, density and coverage of samples' features."""
    real, made = torch.randn(SAMPLES, FEATURES), torch.randn(count, FEATURES)
    return lambda: (frechet_distance(real, made), manifold(real, made))


HUNDREDS, DOUBLED = (100, 1000, 10_000), (1 << 12, 1 << 14, 1 << 16, 1 << 18)
BASES, LATENTS = (16, 64, 256, 1024), (32, 128, 512, 2048)
PANELS: dict[str, dict[str, Line]] = {
    "latents in the table": {
        "training step": Line(HUNDREDS, lambda count: step(scenes=count)),
        "novelty of samples": Line(HUNDREDS, novelty),
    },
    "points": {
        "training step": Line(DOUBLED[:-1], lambda count: step(points=count)),
        "decoding": Line(DOUBLED, lambda count: decoding(points=count)),
    },
    "bases M": {
        "training step": Line(BASES, lambda count: step(replace(NERF_S, num_bases=count))),
        "mixing": Line(BASES, lambda count: mixing(replace(NERF_S, num_bases=count))),
        "decoding": Line(BASES, lambda count: decoding(replace(NERF_S, num_bases=count))),
    },
    "latent dimensions H": {
        "training step": Line(LATENTS, lambda count: step(replace(NERF_S, latent_dim=count))),
        "mixing": Line(LATENTS, lambda count: mixing(replace(NERF_S, latent_dim=count))),
    },
    "samples drawn": {
        "latents": Line(HUNDREDS, drawing),
        "pictures": Line(HUNDREDS, pictures),
        "fidelity": Line(HUNDREDS, fidelity),
    },
}
"""What grows -> task -> how it is measured. Sizes of NeRF S where nothing else is said."""
