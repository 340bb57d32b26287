"""What turns latents into instance networks: the one thing in which generative neural fields of this kind differ.

All that follows is common: fitting of latents, prior, artefact, training, evaluation.
Shape letters: s instances, h latent.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mnif_core.files.stored_config import Depth, Width
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.dispatch import Implementation
from mnif_core.networks.siren import OutputActivation
from mnif_core.networks.weight_gradient import NetworkGradient


@dataclass(frozen=True)
class ModulationConfig(ABC):
    """Shape of an instance's network, a plain SIREN. Each modulation adds how its weights follow from a latent."""

    kind: ClassVar[str]
    """Name of the modulation, in presets and saved fields."""

    in_dim: Width = 3
    """Coordinate dimensions d."""
    out_dim: Width = 4
    """Value dimensions k."""
    hidden_layers: Depth = 4
    """Hidden W x W layers L; there are L + 2 linear layers in all."""
    width: Width = 64
    """Channels W of every hidden layer."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Latent dimensions H."""

    @property
    @abstractmethod
    def w0(self) -> float:
        """Frequency scale of the sines (Eq. 5)."""

    @property
    @abstractmethod
    def output_activation(self) -> OutputActivation:
        """Whether the last layer ends in a sine."""

    @property
    @abstractmethod
    def learnable_parameters(self) -> int:
        """All weights that training learns; latents are not counted, as in the paper."""

    @abstractmethod
    def build(self) -> "Modulation":
        """The modulation, freshly initialised."""

    @property
    def num_layers(self) -> int:
        """Linear layers in all, L + 2."""
        return self.hidden_layers + 2

    @property
    def layer_shapes(self) -> list[tuple[int, int]]:
        """(out, in) channels of every linear layer, from coordinates to values."""
        channels = [self.in_dim, *[self.width] * (self.hidden_layers + 1), self.out_dim]
        return [(o, i) for i, o in zip(channels, channels[1:], strict=False)]

    @property
    def features(self) -> int:
        """Fixed functions of the coordinates that every layer reads besides."""
        return 0

    @property
    def instance_parameters(self) -> int:
        """Weights of one instance network (the paper's "inference" parameters)."""
        return sum(o * (i + self.features) + o for o, i in self.layer_shapes)


class Modulation(nn.Module, ABC):
    """Latents `[s, h]` -> one network per latent."""

    config: ModulationConfig
    implementation: Implementation = "auto"
    """What evaluates the networks; not saved with the weights."""

    def mean_latent(self) -> Tensor:
        """The latent `[h]` where fitting starts, the centre of the latents at the start of training."""
        return torch.zeros(self.config.latent_dim)

    @abstractmethod
    def instance(self, latents: Tensor) -> InstanceNetworks:
        """The networks of `latents` `[s, h]`."""

    @abstractmethod
    def latent_gradient(self, latents: Tensor, gradient: NetworkGradient) -> Tensor:
        """The gradient of a loss by `latents` `[s, h]`, from its gradient by the weights of `instance(latents)`.

        Written in differentiable steps: a second-order outer step goes through it.
        """
