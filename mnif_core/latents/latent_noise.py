"""Noise on the latents of an auto-decoding step: instances near to each other in latent space come to look alike.

A table fits its instances wherever its latents lie, with nothing in between that means anything; a prior then samples
from just there. Noise makes the bases answer for a neighbourhood of each latent, as a variational decoder's does
(VAD: arXiv 1912.00003; there its size is learned, here it is a share of the table's spread).

Shape letters: n instances, s of them in a step, h latent.
"""

from torch import Tensor


def noised(latents: Tensor, table: Tensor, noise: Tensor, share: float) -> Tensor:
    """Latents + share * spread * noise, where the spread is the table's standard deviation in each dimension.

    The spread is measured anew in every step, so that a run has nothing to remember, and without a gradient: latents
    cannot flee the noise by drawing together.

    Args:
        latents: `[s, h]` of the step.
        table: `[n, h]` of all instances.
        noise: `[s, h]`, standard normal.
        share: at least 0; with 0 the latents come back as they are.

    Returns:
        `[s, h]`.
    """
    if share == 0.0:
        return latents
    return latents + share * table.detach().std(0, correction=0) * noise
