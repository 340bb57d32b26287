"""Priors without reverse diffusion: samples are drawn at once, of a label from its own distribution.

Guidance w towards a label y, whose distribution is p(phi | y) p(y | phi)^(w - 1) as it is of `prior.guidance`, chooses
among draws of the label by weights p(y | phi)^(w - 1) (sampling, importance resampling: Rubin 1987).
Shape letters: n training latents, s samples, h latent dimension, c labels.
"""

from abc import abstractmethod
from typing import Protocol

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import SamplerName
from mnif_core.prior.guidance import GUIDANCE, require_guidance
from mnif_core.prior.protocol import Guide, Prior, PriorSettings

CANDIDATES = 16  # draws, of which guidance chooses one


class DrawnAtOnce(Prior):
    """A prior whose kind says how samples are drawn; sampler and steps mean nothing to it."""

    @property
    @abstractmethod
    def open_share(self) -> float:
        """Share in [0, 1] of a sample's variance that is open to a guide."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator | None, label: int | None) -> Tensor:
        """`[s, h]` samples, `count` of them, of the label with that number. None: as labels occur."""

    @abstractmethod
    def label_scores(self, latents: Tensor) -> Tensor:
        """Log p(y | phi) `[s, c]` of every label for latents `[s, h]`."""

    @torch.no_grad()
    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        sampler: SamplerName = "dpm++",
        steps: int = 25,
        label: int | None = None,
        guidance: float = GUIDANCE,
        guide: Guide | None = None,
    ) -> Tensor:
        """See `Prior.sample`."""
        self._require_label(label)
        require_guidance(guidance)
        if label is None or guidance in (0.0, 1.0):
            drawn = self.draw(count, generator, None if guidance == 0.0 else label)
        else:
            drawn = self._followed(count, generator, label, guidance)
        return drawn if guide is None else guide(drawn, self.open_share)

    def _followed(self, count: int, generator: torch.Generator | None, label: int, guidance: float) -> Tensor:
        drawn = self.draw(count * CANDIDATES, generator, label)
        weights = ((guidance - 1.0) * self.label_scores(drawn)[:, label]).unflatten(0, (count, CANDIDATES)).softmax(1)
        chosen = torch.multinomial(weights, 1, generator=generator).squeeze(1) if count else drawn.new_empty(0).long()
        return drawn.unflatten(0, (count, CANDIDATES))[torch.arange(count, device=drawn.device), chosen]


class BootstrapSettings(PriorSettings, Protocol):
    """Settings of a prior that draws training latents again."""

    @property
    def instances(self) -> int:
        """Training latents."""
        ...

    @property
    def bandwidth(self) -> float:
        """b: how far it moves them, in [0, 1]."""
        ...


class Bootstrap(DrawnAtOnce):
    """A prior that draws training latents again, which it keeps with their labels, and moves them.

    Where there are labels, samples that are asked for none are those of each, as labels occur.

    Attributes:
        latents: `[n, h]`.
        labels: number `[n]` of each one's; only where there are any.
    """

    config: BootstrapSettings
    latents: Tensor
    labels: Tensor

    def __init__(self, config: BootstrapSettings) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("latents", torch.zeros(config.instances, config.latent_dim))
        if config.classes:
            self.register_buffer("labels", torch.zeros(config.instances, dtype=torch.long))

    @property
    def settings(self) -> BootstrapSettings:
        """See `Prior.settings`."""
        return self.config

    @property
    def open_share(self) -> float:
        """See `DrawnAtOnce.open_share`."""
        return self.config.bandwidth**2

    @abstractmethod
    def draw_among(self, own: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
        """`[s, h]` samples, `count` of them, of the training latents `own` `[n, h]`, n at least 1."""

    def draw(self, count: int, generator: torch.Generator | None, label: int | None) -> Tensor:
        """See `DrawnAtOnce.draw`."""
        if label is not None or not self.config.classes:
            return self.draw_among(self.own(label), count, generator)
        device = self.latents.device
        asked = self.labels[torch.randint(len(self.latents), (count,), generator=generator, device=device)]
        drawn = self.latents.new_empty(count, self.config.latent_dim)
        for number in asked.unique().tolist():
            rows = asked == number
            drawn[rows] = self.draw_among(self.own(number), int(rows.sum()), generator)
        return drawn

    def keep(self, latents: Tensor, labels: Tensor | None) -> None:
        """Take training latents `[n, h]` and the numbers `[n]` of their labels. None: they have none."""
        self.latents.copy_(latents.detach())
        if labels is not None:
            self.labels.copy_(labels)

    def own(self, label: int | None) -> Tensor:
        """Training latents that have the label. None: all.

        Raises:
            ConfigError: none has it.
        """
        found = self.latents if label is None else self.latents[self.labels == label]
        if not len(found):
            raise ConfigError(f"no training latent has label {label}; ask for another")
        return found

    def label_scores(self, latents: Tensor) -> Tensor:
        """See `DrawnAtOnce.label_scores`: by linear discriminants of training latents, 0 where those are too few."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        present = self.labels.unique()
        if len(present) < 2 or len(self.latents) <= len(present):
            return latents.new_zeros(len(latents), self.config.classes)
        discriminants = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        discriminants.fit(self.latents.double().cpu().numpy(), self.labels.cpu().numpy())
        scores = latents.new_full((len(latents), self.config.classes), -torch.inf)
        found = discriminants.predict_log_proba(latents.double().cpu().numpy())
        scores[:, present] = torch.from_numpy(found).to(scores)
        return scores
