"""A hypernetwork as in GEM (Du et al. 2021): an MLP that gives all weights of an instance's SIREN.

Shape letters: s instances, h latent.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from mnif_core.files.stored_config import Between, NotNegative, Positive, Width
from mnif_core.networks.initialisation import linear_bias_uniform_, siren_uniform_
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.modulation import Modulation, ModulationConfig
from mnif_core.networks.weight_gradient import NetworkGradient

SILU_GAIN = 1.68  # what SiLU divides the root mean square of a standard normal by


@dataclass(frozen=True)
class HypernetworkConfig(ModulationConfig):
    """Shape of an MLP hypernetwork and of the SIRENs that it gives."""

    kind: ClassVar[str] = "hypernetwork"

    latent_dim: Width = 128
    """Latent dimensions H."""
    hypernetwork_width: Width = 64
    """Channels of the MLP's hidden layers."""
    hypernetwork_layers: Annotated[int, Between(1, 1000)] = 2
    """Hidden layers of the MLP, at least 1."""
    w0: Positive = 30.0
    """Frequency scale of the sines (Eq. 5)."""
    output_activation: Literal["none", "sine"] = "none"
    """Whether the last layer ends in a sine."""
    start_scale: NotNegative = 1.0
    """Weights of the networks at the start, in units of SIREN's; below 1 they start smooth, as a mixture of M bases
    does, which starts at 1/sqrt(M)."""

    @property
    def learnable_parameters(self) -> int:
        """Weights of the MLP."""
        width = self.hypernetwork_width
        hidden = (self.latent_dim + 1) * width + (self.hypernetwork_layers - 1) * (width + 1) * width
        return hidden + (width + 1) * self.instance_parameters

    def build(self) -> "HypernetworkSiren":
        """See `ModulationConfig.build`."""
        return HypernetworkSiren(self)


class HypernetworkSiren(Modulation):
    """An MLP with SiLU, whose last layer gives weights and biases, layer by layer.

    At the start the last layer's bias is a SIREN (scaled), which is what a latent of zero gives; features of unit norm
    move each weight by SIREN's own spread, and hidden layers keep the scale of what they read.
    """

    def __init__(self, config: HypernetworkConfig) -> None:
        super().__init__()
        self.config: HypernetworkConfig = config
        channels = [config.latent_dim, *[config.hypernetwork_width] * config.hypernetwork_layers]
        self.hidden = nn.ModuleList([nn.Linear(i, o) for i, o in zip(channels, channels[1:], strict=False)])
        self.head = nn.Linear(channels[-1], config.instance_parameters)
        self.sizes = [size for o, i in config.layer_shapes for size in (o * i, o)]
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Initialise as described above."""
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=SILU_GAIN / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        rows = zip(self.head.bias.split(self.sizes), self.head.weight.split(self.sizes), strict=True)
        for index, (start, spread) in enumerate(rows):
            shape = self.config.layer_shapes[index // 2]
            if index % 2:
                linear_bias_uniform_(start, shape[1])
                linear_bias_uniform_(spread, shape[1])
            else:
                first, w0 = index == 0, self.config.w0
                siren_uniform_(start.view(shape), first, w0)
                siren_uniform_(spread.unflatten(0, shape).transpose(1, 2), first, w0)
        self.head.bias.mul_(self.config.start_scale)

    def instance(self, latents: Tensor) -> InstanceNetworks:
        """See `Modulation.instance`."""
        features = latents
        for layer in self.hidden:
            features = nn.functional.silu(layer(features))
        parts = self.head(features).split(self.sizes, dim=1)
        weights = [part.unflatten(1, shape) for part, shape in zip(parts[::2], self.config.layer_shapes, strict=True)]
        return InstanceNetworks(
            tuple(weights), parts[1::2], self.config.w0, self.config.output_activation, self.implementation
        )

    def latent_gradient(self, latents: Tensor, gradient: NetworkGradient) -> Tensor:
        """See `Modulation.latent_gradient`; the MLP's backward pass, written out."""
        angles, features = [], latents
        for layer in self.hidden:
            angles.append(layer(features))
            features = nn.functional.silu(angles[-1])
        layers = range(self.config.num_layers)
        flat = [part for layer in layers for part in (gradient.weight(layer).flatten(1), gradient.bias(layer))]
        delta = torch.cat(flat, 1) @ self.head.weight
        for layer, angle in zip(reversed(self.hidden), reversed(angles), strict=True):
            gate = angle.sigmoid()
            delta = (delta * gate * (1.0 + angle * (1.0 - gate))) @ layer.weight
        return delta
