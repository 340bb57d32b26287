"""Whether samples are new, or copies of training instances."""

import math

import torch
from torch import Tensor


def nearest(latents: Tensor, training: Tensor) -> Tensor:
    """Which of `training` `[s, h]` each of `latents` `[n, h]` lies nearest to: `[n]`."""
    return torch.cdist(latents, training).argmin(1)


def sample_novelty(samples: Tensor, latents: Tensor) -> dict[str, float]:
    """How far samples `[n, h]` lie from training latents `[s, h]`: a copy has distance 0.

    Returns:
        Medians of the distance of a sample, and of a training latent, to the nearest (other) training latent, and
        the first over the second.
    """
    to_train = torch.cdist(samples, latents).min(1).values.median()
    between = torch.cdist(latents, latents).fill_diagonal_(math.inf).min(1).values.median()
    return {
        "sample_distance": float(to_train),
        "train_distance": float(between),
        "novelty_ratio": float(to_train / between),
    }
