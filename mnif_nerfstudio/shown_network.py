"""The network of the scene that cameras show, kept as long as nothing changes it."""

from typing import Protocol

import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.mixture import MixtureSiren
from mnif_core.rendering.occupancy import Occupancy
from mnif_core.signals.scenes import WORTHWHILE, SceneSignal
from mnif_core.unseen.saved_scenes import SavedScene


class ShowingField(Protocol):
    """A field that shows one scene: the one of `shown_latent` `[1, h]`, or `shown_fitted` where that is set."""

    mixture: MixtureSiren
    signal: SceneSignal
    shown_latent: Tensor
    shown_fitted: SavedScene | None

    def networks(self, latents: Tensor) -> InstanceNetworks:
        """One network per latent `[scenes, h]`."""
        ...


class ShownNetwork:
    """Mixes the shown latent once for all pictures of it, and finds its empty space once a picture is worth it.

    Both are dropped as soon as the latent or a weight of the mixture has changed, so a picture is never stale.
    """

    def __init__(self, field: ShowingField) -> None:
        self._field = field
        self._latent: Tensor | None = None
        self._fitted: SavedScene | None = None
        self._writes: tuple[int, ...] | None = None
        self._networks: InstanceNetworks | None = None
        self._occupancy: Occupancy | None = None

    @torch.no_grad()
    def networks(self) -> InstanceNetworks:
        """The network of the shown scene."""
        field = self._field
        latent, fitted = field.shown_latent, field.shown_fitted
        # tensors count how often they were written to
        writes = (latent._version, *(p._version for p in field.mixture.parameters()))
        if self._networks is None or self._latent is not latent or self._fitted is not fitted or self._writes != writes:
            networks = field.networks(latent) if fitted is None else fitted.networks(field.mixture)
            # the viewer interrupts pictures between any two lines: what tells that all is in place goes last
            self._writes, self._occupancy = None, None
            self._networks, self._latent, self._fitted = networks, latent, fitted
            self._writes = writes
        return self._networks

    def occupancy(self, samples: int) -> Occupancy | None:
        """Where the shown scene is not empty; none where it is not known and a picture of `samples` is too small."""
        networks = self.networks()
        if self._occupancy is None and samples > WORTHWHILE:
            self._occupancy = self._field.signal.occupancy(networks)
        return self._occupancy
