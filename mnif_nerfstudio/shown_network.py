"""The network of the scene that cameras show, kept as long as nothing changes it."""

from typing import TYPE_CHECKING

import torch

from mnif_core.instance_networks import InstanceNetworks
from mnif_core.occupancy import Occupancy
from mnif_core.signals.scenes import WORTHWHILE

if TYPE_CHECKING:
    from mnif_nerfstudio.field import MnifField


class ShownNetwork:
    """Mixes the shown latent once for all pictures of it, and finds its empty space once a picture is worth it.

    Both are dropped as soon as the latent or a weight of the mixture has changed, so a picture is never stale.
    """

    def __init__(self, field: "MnifField") -> None:
        self._field = field
        self._key: object = None
        self._networks: InstanceNetworks | None = None
        self._occupancy: Occupancy | None = None

    @torch.no_grad()
    def networks(self) -> InstanceNetworks:
        """The network of the shown scene."""
        field = self._field
        # tensors count how often they were written to
        key = (field.shown_latent, field.shown_latent._version, *(p._version for p in field.mixture.parameters()))
        old = self._key
        changed = not isinstance(old, tuple) or old[0] is not key[0] or old[1:] != key[1:]
        if changed or self._networks is None:
            networks = field.networks(field.shown_latent)
            # the viewer interrupts pictures between any two lines: the key goes last
            self._key, self._occupancy = None, None
            self._networks = networks
            self._key = key
        return self._networks

    def occupancy(self, samples: int) -> Occupancy | None:
        """Where the shown scene is not empty; none where it is not known and a picture of `samples` is too small."""
        networks = self.networks()
        if self._occupancy is None and samples > WORTHWHILE:
            self._occupancy = self._field.signal.occupancy(networks)
        return self._occupancy
