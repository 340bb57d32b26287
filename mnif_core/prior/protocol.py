"""What the house asks of a prior p(phi), whatever its kind: it is built from settings, draws latents and is saved.

A kind is one file here and a line in `kinds`. What it has learned is in its `state_dict`, which an artefact keeps
beside its settings.
Shape letters: n latents, h latent dimension.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import SamplerName
from mnif_core.prior.guidance import GUIDANCE

Guide = Callable[[Tensor, float], Tensor]
"""(Estimates of latents `[n, h]`, share in [0, 1] of their variance that is open yet) -> better ones `[n, h]`.

Reconstruction guidance (Ho et al. 2022, arXiv 2204.03458; for fields, SSDNeRF, arXiv 2304.06714), whatever the prior.
"""
PriorKind = Literal["diffusion", "gaussian-mixture", "bootstrap", "local-bootstrap"]
PriorChoice = Literal["auto", "diffusion", "gaussian-mixture", "bootstrap", "local-bootstrap"]
"""A kind, or `auto`: the one that held-out latents choose (see `training.prior_choice`)."""


class PriorSettings(Protocol):
    """Settings of a prior: a frozen dataclass, whose fields an artefact keeps, besides `kind`."""

    kind: ClassVar[PriorKind]

    @property
    def latent_dim(self) -> int:
        """Latent dimensions H."""
        ...

    @property
    def classes(self) -> int:
        """Labels that samples can be asked for; 0 where it learns without."""
        ...

    def build(self) -> "Prior":
        """The prior, which has learned nothing yet."""
        ...


class Prior(nn.Module, ABC):
    """A distribution over latents."""

    @property
    @abstractmethod
    def settings(self) -> PriorSettings:
        """What it is built from."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words."""

    @property
    def reverse_steps(self) -> int | None:
        """Most steps of reverse diffusion that a sample can take; none where it is drawn at once."""
        return None

    @abstractmethod
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
        """Draw `[count, h]` latents.

        Args:
            count: how many.
            generator: of random numbers, on the prior's device.
            sampler: of reverse diffusion; others draw at once.
            steps: of reverse diffusion.
            label: number of the one that all samples should have. None: as labels occur.
            guidance: towards the label: 0 leaves it out, 1 draws as learned, more is more typical and less varied.
            guide: moves every estimate of the samples towards something observed.

        Raises:
            ConfigError: a label of a prior that was trained without, or that does not exist.
        """

    def _require_label(self, label: int | None) -> None:
        """Refuse a label that the prior does not know."""
        if label is not None and not 0 <= label < self.settings.classes:
            raise ConfigError(f"label {label} of a prior that knows {self.settings.classes} labels; leave it out")

    def log_density(self, latents: Tensor) -> Tensor | None:
        """Log p `[n]`, float64, of latents `[n, h]` in dimensions that vary; none where it has no cheap likelihood."""
        return None
