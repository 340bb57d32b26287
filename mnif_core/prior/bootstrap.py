"""The smoothed bootstrap: a training latent drawn again, moved at random by a share of the covariance.

phi = m + sqrt(1 - b^2) (phi_i - m) + b e, with i uniform over the training latents, m their mean, e normal with their
covariance. Shrinking towards the mean keeps mean and covariance what they were (Silverman, "Density Estimation", 1986,
Sec. 6.4). It has no weights to learn, and so serves sets that are too small for a diffusion. Of a label it is the
bootstrap of the training latents that have it, with their own mean and covariance.
Shape letters: n training latents, s samples, h latent dimension.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.files.stored_config import Between, Width
from mnif_core.prior.drawn_at_once import Bootstrap
from mnif_core.prior.energy_score import energy_scores, paired_error
from mnif_core.prior.protocol import PriorKind

BANDWIDTHS = (0.4, 0.5, 0.6, 0.8)  # below the first, samples are hardly new
FOLDS, DRAWN = 5, 1024  # parts of the latents that are held out in turn, and samples that are compared with each


@dataclass(frozen=True)
class BootstrapConfig:
    """Size of a smoothed bootstrap, and how far it moves."""

    kind: ClassVar[PriorKind] = "bootstrap"

    latent_dim: Width
    """Latent dimensions H."""
    instances: Width
    """Training latents."""
    bandwidth: Annotated[float, Between(0.0, 1.0)] = 0.4
    """b: 0 draws training latents, 1 a Gaussian of their mean and covariance."""
    classes: Annotated[int, Between(0, 1 << 20)] = 0
    """Labels that samples can be asked for."""

    def build(self) -> "BootstrapPrior":
        """See `PriorSettings.build`."""
        return BootstrapPrior(self)


class BootstrapPrior(Bootstrap):
    """The smoothed bootstrap of the latents `[n, h]` that `fit` is given.

    >>> prior = BootstrapPrior.fit(torch.randn(20, 6))
    >>> prior.sample(3).shape
    torch.Size([3, 6])
    """

    config: BootstrapConfig

    @property
    def title(self) -> str:
        """See `Prior.title`."""
        return f"smoothed bootstrap, bandwidth {self.config.bandwidth:g}"

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        bandwidth: float | None = None,
        seed: int = 0,
        labels: Tensor | None = None,
        classes: int = 0,
    ) -> "BootstrapPrior":
        """The prior of training latents `[n, h]`; the same seed gives the same.

        Args:
            latents: `[n, h]`.
            bandwidth: b. None: what latents that are held out in turn choose.
            seed: of that choice.
            labels: number `[n]` of each latent's, from 0. None: they have none.
            classes: how many labels there are.

        Raises:
            ConfigError: no latents, or a bandwidth outside [0, 1].
        """
        if not len(latents) or not 0.0 <= (bandwidth or 0.0) <= 1.0:
            raise ConfigError(f"{len(latents)} latents, bandwidth {bandwidth or 0:g}: take one or more, and 0 to 1")
        if bandwidth is None:
            bandwidth = _choose_bandwidth(latents.detach(), seed)
        prior = cls(BootstrapConfig(latents.shape[1], len(latents), bandwidth, classes)).to(latents)
        prior.keep(latents, labels)
        return prior

    def draw_among(self, own: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
        """See `Bootstrap.draw_among`."""
        known, device = own.double(), own.device
        total, b = len(known), self.config.bandwidth
        chosen = torch.randint(total, (count,), generator=generator, device=device)
        mean = known.mean(0)
        offsets = known - mean
        # R of QR has the latents' covariance, also where there are fewer of them than dimensions
        root = torch.linalg.qr(offsets / total**0.5, mode="r").R
        noise = torch.randn(count, len(root), generator=generator, device=device).double()
        moved = (1 - b**2) ** 0.5 * offsets[chosen] + b * (noise @ root)
        return (mean + moved).to(self.latents.dtype)


def _choose_bandwidth(latents: Tensor, seed: int) -> float:
    """The least of `BANDWIDTHS` that latents `[n, h]`, held out in turn, find no error worse than the best."""
    total, folds = len(latents), min(FOLDS, len(latents))
    if folds < 2:
        return BANDWIDTHS[0]
    fold = torch.randperm(total, generator=torch.Generator().manual_seed(seed), device="cpu").to(latents.device) % folds
    scores = []
    for bandwidth in BANDWIDTHS:
        parts = []
        for part in range(folds):
            generator = torch.Generator(latents.device).manual_seed(seed)
            prior = BootstrapPrior.fit(latents[fold != part], bandwidth)
            parts.append(energy_scores(prior.sample(DRAWN, generator), latents[fold == part]))
        scores.append(torch.cat(parts))
    best = min(scores, key=lambda score: float(score.mean()))
    worse = [float((score - best).mean()) - paired_error(score, best) for score in scores]
    return next(bandwidth for bandwidth, excess in zip(BANDWIDTHS, worse, strict=True) if excess <= 0)
