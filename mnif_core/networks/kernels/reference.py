"""SIRENs layer by layer in plain torch: any device, dtype and shape; what every kernel is compared with.

Shape letters: s instances, p points, d coordinates, k values.
"""

from torch import Tensor

from mnif_core.networks.kernels.backend import Backend
from mnif_core.networks.siren import Siren
from mnif_core.networks.weight_gradient import layers_of


class Reference(Backend):
    """Differentiable any number of times."""

    def why_not(self, siren: Siren, coordinates: Tensor) -> str | None:
        """See `Backend.why_not`: nothing ever does."""
        return None

    def values(self, siren: Siren, coordinates: Tensor) -> Tensor:
        """See `Backend.values`."""
        for _, angle in layers_of(siren, coordinates):
            last = angle
        return last.sin() if siren.sine_output else last


REFERENCE = Reference()
