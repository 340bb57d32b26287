"""New latents between a training latent and one of its neighbours (App. C, Eq. 11): sampling without a prior.

Shape letters: n training instances, s samples, h latent.
"""

from typing import Literal

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import SamplerName

Sampler = Literal[SamplerName, "neighbours"]
NEIGHBOURS = 10  # the paper does not say how many
COMPARED = 256  # samples whose neighbours are looked for at once: bounds memory


def sample_between_neighbours(
    latents: Tensor, count: int, generator: torch.Generator | None = None, neighbours: int = NEIGHBOURS
) -> Tensor:
    """Draw a phi_i + (1 - a) phi_N(i): i a training instance, N(i) one of its nearest, a in [0, 1], all uniform.

    Args:
        latents: `[n, h]` of the training instances.
        count: s.
        generator: of random numbers, on the latents' device.
        neighbours: instances nearest to i in latent space that N(i) is drawn from; all others, if there are fewer.

    Returns:
        `[s, h]`.

    Raises:
        ConfigError: fewer than two training instances, or no neighbours.
    """
    others = min(neighbours, len(latents) - 1)
    if others < 1:
        raise ConfigError(f"{len(latents)} latents and {neighbours} neighbours: between two there must be two")
    device = latents.device
    chosen = torch.randint(len(latents), (count,), generator=generator, device=device)
    rank = torch.randint(others, (count, 1), generator=generator, device=device)
    share = torch.rand(count, 1, generator=generator, device=device, dtype=latents.dtype)
    near = [_nearest(latents, index, others) for index in chosen.split(COMPARED)]
    partner = torch.cat(near).gather(1, rank).squeeze(1)
    return torch.lerp(latents[partner], latents[chosen], share)


def _nearest(latents: Tensor, index: Tensor, count: int) -> Tensor:
    """The `count` instances nearest to each of `index` `[s]`, itself left out: `[s, count]`."""
    distances = torch.cdist(latents[index], latents)
    distances.scatter_(1, index.unsqueeze(1), torch.inf)
    return distances.topk(count, largest=False).indices
