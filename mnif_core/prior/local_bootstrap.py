"""The local bootstrap: a training latent drawn again, moved at random as its own neighbours lie.

phi = m + sqrt(1 - b^2) (phi_i - m) + b sum_j e_j (phi_j - m) / sqrt(k), with i uniform over the training latents, j its
k nearest others, m their mean and e normal: the covariance of what is added is theirs. What latents look like changes
from place to place, and a sample keeps to the place that it is drawn at, where one covariance for all (`bootstrap`)
leads off the instances (Manifold Parzen windows: Vincent & Bengio 2002). Of a label all of this is among its own.
Shape letters: n training latents, s samples, k neighbours, h latent dimension.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.files.stored_config import Between, Width
from mnif_core.prior.drawn_at_once import Bootstrap
from mnif_core.prior.protocol import PriorKind

AT_ONCE = 1024  # samples whose neighbours are looked for at once: bounds memory


@dataclass(frozen=True)
class LocalBootstrapConfig:
    """Size of a local bootstrap, and how far it moves.

    At the defaults samples lie some 0.6 times as far from the training latents as those do from each other. Fewer
    neighbours keep to where instances lie, at as much distance: on photographs of ten classes KID 0.167 where twice as
    many give 0.183.
    """

    kind: ClassVar[PriorKind] = "local-bootstrap"

    latent_dim: Width
    """Latent dimensions H."""
    instances: Width
    """Training latents."""
    neighbours: Width = 8
    """k, or all others where they are fewer."""
    bandwidth: Annotated[float, Between(0.0, 1.0)] = 0.8
    """b: 0 draws training latents, 1 a Gaussian of a neighbourhood."""
    classes: Annotated[int, Between(0, 1 << 20)] = 0
    """Labels that samples can be asked for."""

    def build(self) -> "LocalBootstrapPrior":
        """See `PriorSettings.build`."""
        return LocalBootstrapPrior(self)


class LocalBootstrapPrior(Bootstrap):
    """The local bootstrap of the latents `[n, h]` that `fit` is given.

    >>> prior = LocalBootstrapPrior.fit(torch.randn(20, 6))
    >>> prior.sample(3).shape
    torch.Size([3, 6])
    """

    config: LocalBootstrapConfig

    @property
    def title(self) -> str:
        """See `Prior.title`."""
        return f"local bootstrap, {self.config.neighbours} neighbours"

    @classmethod
    def fit(cls, latents: Tensor, labels: Tensor | None = None, classes: int = 0) -> "LocalBootstrapPrior":
        """The prior of training latents `[n, h]`.

        Args:
            latents: `[n, h]`.
            labels: number `[n]` of each latent's, from 0. None: they have none.
            classes: how many labels there are.

        Raises:
            ConfigError: no latents.
        """
        if not len(latents):
            raise ConfigError("no latents to draw again; take one or more")
        prior = cls(LocalBootstrapConfig(latents.shape[1], len(latents), classes=classes)).to(latents)
        prior.keep(latents, labels)
        return prior

    def draw_among(self, own: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
        """See `Bootstrap.draw_among`."""
        device, neighbours = own.device, min(self.config.neighbours, len(own) - 1)
        chosen = torch.randint(len(own), (count,), generator=generator, device=device)
        noise = torch.randn(count, neighbours, generator=generator, device=device)
        parts = zip(chosen.split(AT_ONCE), noise.split(AT_ONCE), strict=True)
        return torch.cat([self._moved(own, *part) for part in parts]) if count else own[:0]

    def _moved(self, own: Tensor, chosen: Tensor, noise: Tensor) -> Tensor:
        """The latents `chosen` `[s]` of `own` `[n, h]`, moved by `noise` `[s, k]`."""
        if noise.shape[1] == 0:  # alone, it has nowhere to go
            return own[chosen]
        distance = torch.cdist(own[chosen], own)
        distance.scatter_(1, chosen.unsqueeze(1), torch.inf)
        near = own[distance.topk(noise.shape[1], largest=False).indices]
        mean, b = near.mean(1), self.config.bandwidth
        added = torch.einsum("sk,skh->sh", noise, near - mean.unsqueeze(1)) / noise.shape[1] ** 0.5
        return mean + (1 - b**2) ** 0.5 * (own[chosen] - mean) + b * added
