"""Mixtures of neural implicit functions (paper Sec. 3.2).

Shape letters: s instances, p points, m bases, i/o channels, h latent, l layers (hidden layers + 2).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_core.files.stored_config import Positive, Width
from mnif_core.networks.initialisation import linear_bias_uniform_, siren_uniform_
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.cpu.mixing import by_coefficients, mixed
from mnif_core.networks.modulation import Modulation, ModulationConfig
from mnif_core.networks.weight_gradient import NetworkGradient

CoefficientPolicy = Literal["latent", "layerwise", "shared"]


@dataclass(frozen=True)
class MixtureConfig(ModulationConfig):
    """Shape of a mixture-SIREN. The defaults are the paper's NeRF configuration, which the preset nerf-s takes."""

    kind: ClassVar[str] = "mixture"

    num_bases: Width = 256
    """Basis networks M per layer."""
    latent_dim: Width = 128
    """Latent dimensions H; must be M for `shared` and M (L + 2) for `layerwise`."""
    coefficients: CoefficientPolicy = "latent"
    """How latents become coefficients (Table 4a): projected (Eq. 10), one per layer and basis, or one per basis."""
    w0: Positive = 30.0
    """Frequency scale of the sines (Eq. 5)."""
    output_activation: Literal["none", "sine"] = "none"
    """`sine` for images and voxels, `none` for scenes, as the authors' code (the paper is silent)."""

    def __post_init__(self) -> None:
        required = {"shared": self.num_bases, "layerwise": self.num_bases * self.num_layers}.get(self.coefficients)
        if required is not None and self.latent_dim != required:
            raise ConfigError(
                f"latent_dim {self.latent_dim} does not fit coefficients '{self.coefficients}'; set it to {required}"
            )

    @property
    def global_dim(self) -> int:
        """Numbers of a latent that coefficients follow from: all of them."""
        return self.latent_dim

    @property
    def learnable_parameters(self) -> int:
        """Weights of all bases and of the projection with its bias; latents are not counted, as in the paper."""
        rows = self.num_bases * self.num_layers
        projection = rows * (self.global_dim + 1) if self.coefficients == "latent" else 0
        return self.num_bases * sum(o * i + o for o, i in self.layer_shapes) + projection

    def build(self) -> "MixtureSiren":
        """See `ModulationConfig.build`."""
        return MixtureSiren(self)


class MixtureSiren(Modulation):
    """M basis SIRENs per layer, averaged by coefficients into one small SIREN per instance (Eq. 6-10)."""

    def __init__(self, config: MixtureConfig) -> None:
        super().__init__()
        self.config: MixtureConfig = config
        m = config.num_bases
        self.basis_weights = nn.ParameterList([torch.empty(m, o, i) for o, i in config.layer_shapes])
        self.basis_biases = nn.ParameterList([torch.empty(m, o) for o, _ in config.layer_shapes])
        if config.coefficients == "latent":
            # rows run layer by layer, as Eq. 10 writes them
            self.projection = nn.Linear(config.global_dim, config.num_layers * m)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise: independent SIRENs as bases; projection bias t = 1/M, so that all bases start equal (A.2.4)."""
        for index, (weight, bias) in enumerate(zip(self.basis_weights, self.basis_biases, strict=True)):
            siren_uniform_(weight, first=index == 0, w0=self.config.w0)
            linear_bias_uniform_(bias, weight.shape[-1])
        if self.config.coefficients == "latent":
            self.projection.reset_parameters()
            nn.init.constant_(self.projection.bias, 1.0 / self.config.num_bases)

    def mean_latent(self) -> Tensor:
        """The latent `[h]` at which every coefficient starts at 1/M: zero, or 1/M where latents are coefficients."""
        value = 0.0 if self.config.coefficients == "latent" else 1.0 / self.config.num_bases
        return torch.full((self.config.latent_dim,), value)

    def coefficients(self, latents: Tensor) -> Tensor:
        """Mixture coefficients alpha (Eq. 10): latents phi `[s, h]` -> `[s, l, m]`."""
        layers, bases = self.config.num_layers, self.config.num_bases
        if self.config.coefficients == "shared":
            return latents.unsqueeze(1).expand(-1, layers, -1)
        alphas = self.projection(latents) if self.config.coefficients == "latent" else latents
        return alphas.unflatten(-1, (layers, bases))

    def instance(self, latents: Tensor) -> InstanceNetworks:
        """Average the bases into one network per latent (Eq. 8-9): one GEMM per layer, once per instance.

        Args:
            latents: `[s, h]`.
        """
        return self.average(self.coefficients(latents))

    def average(self, coefficients: Tensor) -> InstanceNetworks:
        """Average the bases by given coefficients `[s, l, m]`."""
        weights, biases = [], []
        layers = zip(coefficients.unbind(1), self.basis_weights, self.basis_biases, strict=True)
        for alphas, weight, bias in layers:
            weights.append(mixed(alphas, weight.flatten(1)).unflatten(1, weight.shape[1:]))
            biases.append(alphas @ bias)
        return InstanceNetworks(
            tuple(weights), tuple(biases), self.config.w0, self.config.output_activation, self.implementation
        )

    def latent_gradient(self, latents: Tensor, gradient: NetworkGradient) -> Tensor:
        """See `Modulation.latent_gradient`: the transposes of `average` and of `coefficients`, which are linear."""
        by_coefficient = [
            by_coefficients(gradient.weight(layer).flatten(1), weight.flatten(1)) + gradient.bias(layer) @ bias.T
            for layer, (weight, bias) in enumerate(zip(self.basis_weights, self.basis_biases, strict=True))
        ]
        if self.config.coefficients == "shared":
            return torch.stack(by_coefficient).sum(0)
        flat = torch.cat(by_coefficient, 1)
        return flat @ self.projection.weight if self.config.coefficients == "latent" else flat
