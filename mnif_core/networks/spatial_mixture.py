"""A mixture whose biases vary over space: what the paper leaves open (App. C), an instance's parts told apart.

H_g global numbers of a latent give the coefficients, as in `mixture`; then h numbers for each corner of a grid over the
coordinates' range, rows, then columns. One projection C, which all corners share, makes them coefficients over the
layer's bias bases, and biases are interpolated to the point: layer l adds sum_c psi_c(x) (C_l z_c) B_l. All of it is
linear in the latent. Psi is the same for all instances, so that an instance's network is a SIREN with fixed features
`[s, p, f]` and mixed columns of weights `[s, o, f]`. Spatial Functa (arXiv 2302.03130) interpolates latents alike.
Shape letters: s instances, p points, d coordinates, f features (corners), m bases, o channels, h numbers of a corner,
e corners along an edge.
"""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_core.files.stored_config import Between, Positive, Width
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.weight_gradient import NetworkGradient


@dataclass(frozen=True)
class SpatialMixtureConfig(MixtureConfig):
    """Shape of a mixture with spatial biases. Of the latent's H numbers, the grid's are taken; the rest is global.

    Raises:
        ConfigError: the grid leaves no global number.
    """

    kind: ClassVar[str] = "spatial-mixture"

    coefficients: Literal["latent"] = "latent"
    """Coefficients follow from the latent's global numbers by Eq. 10."""
    grid: Annotated[int, Between(1, 64)] = 4
    """Corners along each edge of the grid, e."""
    corner_dim: Width = 8
    """Numbers of a corner, h."""
    extent: Positive = 1.0
    """The outermost corners are at -extent and extent, in units of the coordinates; beyond, biases stay as there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.global_dim < 1:
            taken = self.features * self.corner_dim
            raise ConfigError(f"latent_dim {self.latent_dim}: the grid's corners take {taken}; set it above that")

    @property
    def features(self) -> int:
        """Corners of the grid."""
        return int(self.grid**self.in_dim)

    @property
    def global_dim(self) -> int:
        """See `MixtureConfig.global_dim`: what the grid leaves."""
        return self.latent_dim - self.features * self.corner_dim

    @property
    def learnable_parameters(self) -> int:
        """Those of the mixture, and the corners' projection."""
        return super().learnable_parameters + self.num_bases * self.num_layers * self.corner_dim

    def build(self) -> "SpatialMixture":
        """See `ModulationConfig.build`."""
        return SpatialMixture(self)


@dataclass(frozen=True)
class CornerWeights:
    """Psi: the weight of every corner at a point, bi- or trilinear; at each point they sum to one.

    Attributes:
        grid: corners along each edge, e.
        extent: where the outermost are.
    """

    grid: int
    extent: float

    def __call__(self, coordinates: Tensor) -> Tensor:
        """`[s, p, d]` -> `[s, p, f]`, f = e^d corners, the last coordinate's running fastest."""
        last = self.grid - 1
        place = ((coordinates / self.extent + 1.0) * (0.5 * last)).clamp(0.0, last).unsqueeze(-1)
        along = torch.arange(self.grid, device=place.device, dtype=place.dtype)
        first, *others = (1.0 - (place - along).abs()).clamp_(min=0.0).unbind(-2)
        for hats in others:
            first = (first.unsqueeze(-1) * hats.unsqueeze(-2)).flatten(-2)
        return first


class SpatialMixture(MixtureSiren):
    """Bases averaged by a latent's global numbers, and biases shifted by those of its grid.

    Where all corners are zero it is the mixture of the same bases, exactly.
    """

    config: SpatialMixtureConfig

    def __init__(self, config: SpatialMixtureConfig) -> None:
        super().__init__(config)
        # without a bias of its own: the mixture's biases are one
        self.corner_projection = nn.Linear(config.corner_dim, config.num_layers * config.num_bases, bias=False)

    def coefficients(self, latents: Tensor) -> Tensor:
        """See `MixtureSiren.coefficients`; of latents `[s, h]` the global numbers decide."""
        return super().coefficients(latents[:, : self.config.global_dim])

    def instance(self, latents: Tensor) -> InstanceNetworks:
        """See `Modulation.instance`."""
        corners = latents[:, self.config.global_dim :].unflatten(1, (self.config.features, self.config.corner_dim))
        return replace(
            super().instance(latents),
            features=CornerWeights(self.config.grid, self.config.extent),
            feature_weights=tuple((corners @ shift).transpose(1, 2) for shift in self._shifts()),
        )

    def latent_gradient(self, latents: Tensor, gradient: NetworkGradient) -> Tensor:
        """See `Modulation.latent_gradient`."""
        by_corners = [
            gradient.feature_weight(layer).transpose(1, 2) @ shift.T for layer, shift in enumerate(self._shifts())
        ]
        corners = torch.stack(by_corners).sum(0).flatten(1)
        return torch.cat([super().latent_gradient(latents, gradient), corners], 1)

    def _shifts(self) -> list[Tensor]:
        """What the numbers of a corner add to the biases, per layer `[h, o]`: bases and projection in one."""
        per_layer = self.corner_projection.weight.unflatten(0, (self.config.num_layers, -1))
        return [part.T @ bias for part, bias in zip(per_layer, self.basis_biases, strict=True)]
