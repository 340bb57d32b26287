"""Functa's modulation (Dupont et al. 2022): one SIREN for all instances, whose biases a latent shifts.

Shape letters: s instances, o channels, h latent.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mnif_core.files.stored_config import Depth, Positive, Width
from mnif_core.networks.initialisation import linear_bias_uniform_, siren_uniform_
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.modulation import Modulation, ModulationConfig
from mnif_core.networks.weight_gradient import NetworkGradient


@dataclass(frozen=True)
class FunctaConfig(ModulationConfig):
    """Shape of a shift-modulated SIREN. The defaults are Functa's for NeRF scenes (3.9 M learnable in Table 3)."""

    kind: ClassVar[str] = "functa"

    hidden_layers: Depth = 13
    """Hidden W x W layers L; there are L + 2 linear layers in all."""
    width: Width = 512
    """Channels W of every hidden layer."""
    latent_dim: Width = 64
    """Latent dimensions H."""
    w0: Positive = 30.0
    """Frequency scale of the sines (Eq. 5)."""
    output_activation: Literal["none", "sine"] = "none"
    """`none`, as in Functa."""

    @property
    def learnable_parameters(self) -> int:
        """Weights of the shared network and of the projection."""
        return self.instance_parameters + (self.hidden_layers + 1) * self.width * self.latent_dim

    def build(self) -> "FunctaSiren":
        """See `ModulationConfig.build`."""
        return FunctaSiren(self)


class FunctaSiren(Modulation):
    """A SIREN in which one linear map of the latent is added to the biases of all layers but the last."""

    def __init__(self, config: FunctaConfig) -> None:
        super().__init__()
        self.config: FunctaConfig = config
        self.weights = nn.ParameterList([torch.empty(o, i) for o, i in config.layer_shapes])
        self.biases = nn.ParameterList([torch.empty(o) for o, _ in config.layer_shapes])
        # without a bias of its own: the network's biases are one
        self.projection = nn.Linear(config.latent_dim, (config.hidden_layers + 1) * config.width, bias=False)
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            siren_uniform_(weight, first=index == 0, w0=config.w0)
            linear_bias_uniform_(bias, weight.shape[-1])

    def instance(self, latents: Tensor) -> InstanceNetworks:
        """See `Modulation.instance`; the weights are one tensor, expanded."""
        shifts = self.projection(latents).unflatten(1, (-1, self.config.width)).unbind(1)
        weights = [weight.expand(len(latents), -1, -1) for weight in self.weights]
        biases = [bias + shift for bias, shift in zip(self.biases, shifts, strict=False)]
        biases.append(self.biases[-1].expand(len(latents), -1))
        return InstanceNetworks(
            tuple(weights), tuple(biases), self.config.w0, self.config.output_activation, self.implementation
        )

    def latent_gradient(self, latents: Tensor, gradient: NetworkGradient) -> Tensor:
        """See `Modulation.latent_gradient`."""
        shifts = [gradient.bias(layer) for layer in range(self.config.num_layers - 1)]
        return torch.cat(shifts, 1) @ self.projection.weight
