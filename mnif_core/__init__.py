"""Generative neural fields by mixtures of neural implicit functions: the modality-agnostic core."""

from mnif_core.generative_field import GenerativeField
from mnif_core.mixture import InstanceNetworks, MixtureConfig, MixtureSiren
from mnif_core.prior import LatentPrior, PriorConfig

__all__ = ["GenerativeField", "InstanceNetworks", "LatentPrior", "MixtureConfig", "MixtureSiren", "PriorConfig"]
