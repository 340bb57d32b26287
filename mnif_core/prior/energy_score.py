"""How well samples stand for a distribution that is known by held-out latents, whatever drew them.

Shape letters: n held-out latents, s samples, h latent dimension.
"""

import torch
from torch import Tensor


def energy_scores(samples: Tensor, held_out: Tensor) -> Tensor:
    """The energy score of samples `[s, h]` at each of the held-out latents `[n, h]`; lower is better.

    E|X - y| - E|X - X'| / 2 for samples X, X' and a held-out y (Gneiting & Raftery 2007, Eq. 22): strictly proper, so
    in the mean no distribution does better than the true one; copies of training latents do worse, for X and X' are
    then alike too often. Twice the mean is, but for what all samplers share, the energy distance. Unbiased for s >= 2.

    Returns:
        `[n]`, float64, so that two samplers can be compared latent by latent.
    """
    samples, held_out = samples.double(), held_out.double()
    count = len(samples)
    within = torch.cdist(samples, samples).sum() / (count * (count - 1))
    return torch.cdist(held_out, samples).mean(1) - 0.5 * within


def paired_error(first: Tensor, second: Tensor) -> float:
    """Standard error of the mean difference of two samplers' scores `[n]` at the same held-out latents."""
    return float((first - second).std()) / len(first) ** 0.5
