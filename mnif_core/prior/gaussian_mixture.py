"""A mixture of Gaussians with full covariances as a prior: sum_c w_c N(m_c, S_c).

Of labelled latents each label has one component, fitted to the latents that have it.

Shape letters: n latents, c components, h latent dimension, s samples.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.files.stored_config import Between, Width
from mnif_core.prior.drawn_at_once import DrawnAtOnce
from mnif_core.prior.expectation_maximisation import (
    Gaussians,
    choose_components,
    fit_gaussians,
    gaussians_of,
    log_joint,
)
from mnif_core.prior.protocol import PriorKind

DEAD = 1e-8  # a latent dimension with a smaller spread has never moved, and moves in no sample


@dataclass(frozen=True)
class GaussianMixtureConfig:
    """Size of a mixture of Gaussians."""

    kind: ClassVar[PriorKind] = "gaussian-mixture"

    latent_dim: Width
    """Latent dimensions H."""
    components: Width
    """Gaussians."""
    classes: Annotated[int, Between(0, 1 << 20)] = 0
    """Labels that samples can be asked for, one a component."""

    def __post_init__(self) -> None:
        if self.classes not in (0, self.components):
            raise ConfigError(f"{self.components} Gaussians for {self.classes} labels; give each label one")

    def build(self) -> "GaussianMixturePrior":
        """See `PriorSettings.build`."""
        return GaussianMixturePrior(self)


class GaussianMixturePrior(DrawnAtOnce):
    """The mixture that `fit` finds for latents `[n, h]`.

    Attributes:
        log_shares: log w `[c]`, of whose exponentials each has its part of their sum.
        means: `[c, h]`.
        factors: lower triangular `[c, h, h]`, whose products with their own transposes are the covariances.

    >>> prior = GaussianMixturePrior.fit(torch.randn(100, 6))
    >>> prior.sample(3).shape
    torch.Size([3, 6])
    """

    log_shares: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, config: GaussianMixtureConfig) -> None:
        super().__init__()
        self.config = config
        count, dim = config.components, config.latent_dim
        self.register_buffer("log_shares", torch.zeros(count))
        self.register_buffer("means", torch.zeros(count, dim))
        self.register_buffer("factors", torch.zeros(count, dim, dim))

    @property
    def settings(self) -> GaussianMixtureConfig:
        """See `Prior.settings`."""
        return self.config

    @property
    def title(self) -> str:
        """See `Prior.title`."""
        count = self.config.components
        if self.config.classes:
            return f"a Gaussian for each of {count} labels"
        return "Gaussian" if count == 1 else f"mixture of {count} Gaussians"

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        components: int | None = None,
        seed: int = 0,
        labels: Tensor | None = None,
        classes: int = 0,
    ) -> "GaussianMixturePrior":
        """The mixture of training latents `[n, h]`; the same seed gives the same.

        Args:
            latents: `[n, h]`.
            components: how many. None: what held-out latents are likeliest under, or one for each label.
            seed: of where components start.
            labels: number `[n]` of each latent's, from 0. None: they have none.
            classes: how many labels there are.

        Raises:
            ConfigError: no latents, or more components than latents.
        """
        least = 1 if components is None else components
        if not 1 <= least <= len(latents):
            raise ConfigError(f"{least} components of {len(latents)} latents: take at most one a latent")
        points = latents.detach().double().cpu()
        mean, std = points.mean(0), points.std(0, correction=0)
        alive = std > DEAD
        standard = (points - mean)[:, alive] / std[alive]
        if labels is not None:
            components = classes
            found = gaussians_of(standard, torch.nn.functional.one_hot(labels.cpu(), classes).to(standard))
        else:
            components = choose_components(standard, seed) if components is None else components
            found = fit_gaussians(standard, components, torch.Generator().manual_seed(seed))
        prior = cls(GaussianMixtureConfig(latents.shape[1], components, classes)).cpu()
        prior.log_shares.copy_(found.shares.log())
        prior.means.copy_(mean)
        prior.means[:, alive] += (found.means * std[alive]).float()
        rows = torch.zeros(components, len(mean), int(alive.sum()), dtype=torch.float64, device="cpu")
        rows[:, alive] = found.factors * std[alive, None]
        prior.factors[:, :, alive] = rows.float()
        return prior.to(latents)

    @property
    def open_share(self) -> float:
        """See `DrawnAtOnce.open_share`."""
        return 1.0

    def draw(self, count: int, generator: torch.Generator | None, label: int | None) -> Tensor:
        """See `DrawnAtOnce.draw`."""
        device, shape = self.means.device, (count, self.config.latent_dim)
        if label is None:
            chosen = torch.multinomial(self.log_shares.softmax(0), count, replacement=True, generator=generator)
        else:
            chosen = torch.full((count,), label, device=device)
        noise = torch.randn(shape, generator=generator, device=device)
        drawn = torch.empty(count, self.config.latent_dim, device=device)
        for component in range(self.config.components):
            own = chosen == component
            drawn[own] = self.means[component] + noise[own] @ self.factors[component].T
        return drawn

    @torch.no_grad()
    def log_density(self, latents: Tensor) -> Tensor:
        """See `Prior.log_density`."""
        return self._log_joint(latents).logsumexp(1)

    def label_scores(self, latents: Tensor) -> Tensor:
        """See `DrawnAtOnce.label_scores`: every label has its own component."""
        return self._log_joint(latents).log_softmax(1).to(latents.dtype)

    def _log_joint(self, latents: Tensor) -> Tensor:
        """Of latents `[n, h]` and every component, `[n, c]`."""
        alive = self.factors[0].diagonal() > 0
        factors = self.factors[:, alive][:, :, alive].double()
        found = Gaussians(self.log_shares.double().softmax(0), self.means[:, alive].double(), factors)
        return log_joint(found, latents[:, alive].double())
