"""A nerfstudio field over all scenes: one mixture-SIREN and one latent per training scene."""

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.base_field import Field
from torch import Tensor

from mnif_core.latents.inner_loop import LatentTable
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.saved_scenes import SavedScene
from mnif_nerfstudio.shown_network import ShownNetwork


class MnifField(Field):
    """Colour and density of many scenes.

    As a nerfstudio field it answers for one scene at a time: the one whose latent `shown_latent` holds, or
    `shown_fitted` where that is set, which may have a network of its own.

    Args:
        config: shape of the mixture; 3 coordinates, 4 values.
        num_scenes: rows of the latent table.
        signal: how values become colour and density.
        latent_std: standard deviation of the latents at the start.
    """

    shown_latent: Tensor

    def __init__(self, config: MixtureConfig, num_scenes: int, signal: SceneSignal, latent_std: float) -> None:
        super().__init__()
        self.signal = signal
        self.mixture = MixtureSiren(config)
        self.latents = LatentTable(self.mixture.mean_latent(), num_scenes, latent_std)
        self.latent_std = latent_std
        self.register_buffer("shown_latent", self.mixture.mean_latent()[None], persistent=False)
        self.shown_fitted: SavedScene | None = None
        self.shown_network = ShownNetwork(self)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Begin anew, in place."""
        self.mixture.reset_parameters()
        fresh = LatentTable(self.mixture.mean_latent(), len(self.latents.weight), self.latent_std)
        self.latents.weight.copy_(fresh.weight)

    def networks(self, latents: Tensor) -> InstanceNetworks:
        """Mix one network per latent `[scenes, h]`, in float32 also under autocast: SIREN does not bear half."""
        with torch.autocast(latents.device.type, enabled=False):
            return self.mixture.instance(latents.float())

    def _values(self, positions: Tensor) -> Tensor:
        return self.shown_network.networks()(positions.reshape(1, -1, 3)).view(*positions.shape[:-1], 4)

    def _density(self, positions: Tensor, values: Tensor) -> Tensor:
        return self.signal.density_at(positions, values[..., 3]).unsqueeze(-1)

    def density_fn(self, positions: Tensor, times: Tensor | None = None) -> Tensor:
        """Density of the shown scene at `[..., 3]` -> `[..., 1]`, per unit length."""
        return self._density(positions, self._values(positions))

    def get_density(self, ray_samples: RaySamples) -> tuple[Tensor, Tensor]:
        """Density `[..., 1]` of the shown scene, and its raw values `[..., 4]` for `get_outputs`."""
        positions = ray_samples.frustums.get_positions()
        values = self._values(positions)
        return self._density(positions, values), values

    def get_outputs(
        self, ray_samples: RaySamples, density_embedding: Tensor | None = None
    ) -> dict[FieldHeadNames, Tensor]:
        """Colours `[..., 3]` of the shown scene in [0, 1]; the field does not depend on the viewing direction."""
        values = density_embedding if density_embedding is not None else self.get_density(ray_samples)[1]
        return {FieldHeadNames.RGB: (values[..., :3] * 0.5 + 0.5).clamp(0.0, 1.0)}
