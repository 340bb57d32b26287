"""Generative neural fields by mixtures of neural implicit functions: the modality-agnostic core.

Glossary:
    signal: a modality: where coordinates come from and what values mean (images, solids, scenes).
    instance: one picture, solid or scene, and its latent phi.
    field: f(x; phi), a value at every coordinate; a `GenerativeField` holds all that draws new ones.
    modulation: how a latent becomes a network: the mixture (Eq. 6-10), Functa or a hypernetwork.
    instance network: the plain SIREN of one instance, mixed once; M is gone from it.
    stage 1, stage 2: fitting bases and latents; training the prior over latents, by diffusion or at once.
    EMA: exponential moving average of the denoiser's weights, which sampling uses; `averaged` in files.
    fit: what fitting an unseen scene gives (`SceneFit`). saved scene: its file (`SavedScene`).
    display: what the viewer's controls steer (`Display`).

Shapes are written `[scenes, points, 3]`, or by letters that mean the same in all files:

    s  instances at once (images, solids, scenes), drawn ones too
    n  instances of a set: those of training, their latents, pictures or solids; vectors of the prior
    h  dimensions of a latent
    m  bases
    l  layers
    p  points of an instance (pixels, cells); q of a part of them, or of another set
    d  coordinates of a point
    k  values of a point (channels of a picture)
    i  channels that a layer reads; o that it gives
    v  views of a scene
    r  rays of an instance
    z  samples along a ray
    e  cells along an edge of a grid or cube
    f  features of a picture, or of a coordinate
    t  triangles of a mesh; u vertices
    j  things looked up one by one: directions, hits, places in a texture, pairs

From latents to values:

    >>> import torch
    >>> from mnif_core import MixtureConfig, MixtureSiren
    >>> mixture = MixtureSiren(MixtureConfig(in_dim=2, out_dim=3, hidden_layers=2, width=16, num_bases=8, latent_dim=4))
    >>> networks = mixture.instance(torch.zeros(5, 4))
    >>> networks(torch.zeros(5, 100, 2)).shape
    torch.Size([5, 100, 3])

CPU kernels cut s into tiles of g and p into c; `networks.kernels.cpu.tiling` has the letters of their parts.
"""

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

__version__ = "0.1.0"

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
    "__version__",
]

# Fabric and TensorBoard take seconds to import, which only those who train should pay
_LAZY = {"ImageTrainer": "mnif_core.training.images", "VoxelTrainer": "mnif_core.training.voxels"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mnif_core' has no attribute '{name}'")
