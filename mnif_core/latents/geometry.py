"""Geometry of the latents, whatever the modality: truncation, bilinear mixes, principal directions.

Shape letters: n training instances, s latents, j directions, h latent dimension.
"""

import math

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.spread import spread_indices


def truncate(latents: Tensor, mean: Tensor, factor: float) -> Tensor:
    """Pull latents towards the mean: mean + factor * (latent - mean), the truncation trick of StyleGAN (there psi).

    Args:
        latents: `[s, h]`.
        mean: `[h]`, of the training latents.
        factor: 1 leaves every latent where it is, 0 makes all of them the mean; between, instances become more
            typical and less varied.

    Raises:
        ConfigError: a factor outside [0, 1].
    """
    if not 0.0 <= factor <= 1.0:
        raise ConfigError(f"truncation is {factor:g}; choose it between 0 (all alike) and 1 (none)")
    return torch.lerp(mean.expand_as(latents), latents, factor)


def bilinear(corners: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Mix four latents bilinearly (Fig. 3).

    Args:
        corners: `[4, h]`: top left, top right, bottom left, bottom right.
        across: `[s]` in [0, 1], from left to right.
        down: `[s]` in [0, 1], from top to bottom.

    Returns:
        `[s, h]`.
    """
    first, second, third, fourth = corners
    across, down = across.unsqueeze(1), down.unsqueeze(1)
    return torch.lerp(torch.lerp(first, third, down), torch.lerp(second, fourth, down), across)


def principal_directions(latents: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Directions in which the training latents vary most, by principal component analysis.

    Args:
        latents: `[n, h]`, two or more.
        count: how many, at most.

    Returns:
        Directions `[j, h]`, each as long as the latents' standard deviation along it, its largest entry positive;
        and the share of the whole variance `[j]` that each explains, descending. Directions without variance are left
        out.

    Raises:
        ConfigError: fewer than two latents.
    """
    if len(latents) < 2:
        raise ConfigError("one instance has no directions of variation; train on two or more")
    centred = (latents - latents.mean(0)).double()
    _, singular, axes = torch.linalg.svd(centred, full_matrices=False)
    variances = singular.square() / (len(latents) - 1)
    alive = int((variances > variances.sum() * 1e-10).sum())
    k = min(count, alive)
    axes = axes[:k]
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    directions = axes * signs * variances[:k].sqrt().unsqueeze(1)
    return directions.to(latents.dtype), (variances[:k] / variances.sum()).to(latents.dtype)


def typical_gap(latents: Tensor, probes: int = 512) -> float:
    """Median distance of a training latent of `[n, h]` to the nearest other, over `probes` of them, evenly spread.

    A sample much nearer than this to a training latent is all but a copy of it.

    Returns:
        The median; 0 for a single latent.
    """
    if len(latents) < 2:
        return 0.0
    rows = spread_indices(len(latents), probes).to(latents.device)
    distances = torch.cdist(latents[rows], latents)
    distances[torch.arange(len(rows), device=rows.device), rows] = math.inf
    return float(distances.min(1).values.median())
