"""The backend for CPUs: tiles of points that stay in their caches. Shape letters as in `kernels.backend`."""

import torch
from torch import Tensor

from mnif_core.networks.kernels.backend import Backend, Criterion
from mnif_core.networks.kernels.cpu.forward import tiled_values
from mnif_core.networks.kernels.cpu.hessian_product import squared_error_gradient_by_weights
from mnif_core.networks.kernels.cpu.loss import tiled_loss
from mnif_core.networks.siren import Siren
from mnif_core.networks.weight_gradient import FoldedGradient, NetworkGradient


class Tiled(Backend):
    """Values are differentiable any number of times."""

    works_in_pieces = True

    def why_not(self, siren: Siren, coordinates: Tensor) -> str | None:
        """See `Backend.why_not`."""
        if coordinates.device.type != "cpu":
            return f"the networks are on device '{coordinates.device.type}'"
        dtype = siren.weights[0].dtype
        if coordinates.dtype != dtype or dtype not in (torch.float32, torch.float64):
            return "coordinates and weights are not both of single or of double precision"
        if siren.num_instances > 1 and any(weight.stride(0) == 0 for weight in siren.weights):
            return "all instances share their weights"
        if siren.features is not None and torch.is_grad_enabled() and coordinates.requires_grad:
            return "gradients by the coordinates that features read are wanted"
        return None

    def values(self, siren: Siren, coordinates: Tensor) -> Tensor:
        """See `Backend.values`."""
        return tiled_values(coordinates, siren.folded(), siren.sine_output, siren.features)

    def loss(self, siren: Siren, coordinates: Tensor, criterion: Criterion) -> Tensor:
        """See `Backend.loss`; one pass where gradients are wanted."""
        if not siren.is_learned:
            return super().loss(siren, coordinates, criterion)
        return tiled_loss(coordinates, siren.folded(), siren.sine_output, criterion, siren.features)

    def squared_error_gradient(self, siren: Siren, coordinates: Tensor, targets: Tensor) -> NetworkGradient:
        """See `Backend.squared_error_gradient`."""
        found = squared_error_gradient_by_weights(
            coordinates, targets, siren.folded(), siren.sine_output, siren.features
        )
        return FoldedGradient(found, tuple(siren.scales), siren.num_features)


TILED = Tiled()
