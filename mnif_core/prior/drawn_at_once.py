"""Priors without reverse diffusion: samples are drawn at once, of a label from its own distribution.

Shape letters: n training latents, s samples, h latent dimension.
"""

from abc import abstractmethod
from typing import Protocol

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import SamplerName
from mnif_core.prior.guidance import GUIDANCE
from mnif_core.prior.protocol import Guide, Prior, PriorSettings


class DrawnAtOnce(Prior):
    """A prior whose kind says how samples are drawn; sampler, steps and guidance mean nothing to it."""

    @property
    @abstractmethod
    def open_share(self) -> float:
        """Share in [0, 1] of a sample's variance that is open to a guide."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator | None, label: int | None) -> Tensor:
        """`[s, h]` samples, `count` of them, of the label with that number. None: as labels occur."""

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
        drawn = self.draw(count, generator, label)
        return drawn if guide is None else guide(drawn, self.open_share)


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
