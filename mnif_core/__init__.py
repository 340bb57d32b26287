"""Generative neural fields by mixtures of neural implicit functions: the modality-agnostic core."""

import importlib
from typing import TYPE_CHECKING, Any

from mnif_core import _waiting  # noqa: F401
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.functa import FunctaConfig, FunctaSiren
from mnif_core.networks.hypernetwork import HypernetworkConfig, HypernetworkSiren
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig

if TYPE_CHECKING:
    from mnif_core.training.images import ImageTrainer
    from mnif_core.training.voxels import VoxelTrainer

__all__ = [
    "FunctaConfig",
    "FunctaSiren",
    "GenerativeField",
    "HypernetworkConfig",
    "HypernetworkSiren",
    "ImageTrainer",
    "InstanceNetworks",
    "LatentPrior",
    "MixtureConfig",
    "MixtureSiren",
    "PriorConfig",
    "VoxelTrainer",
]

# Fabric and TensorBoard take seconds to import, which only those who train should pay
_LAZY = {"ImageTrainer": "mnif_core.training.images", "VoxelTrainer": "mnif_core.training.voxels"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mnif_core' has no attribute '{name}'")
