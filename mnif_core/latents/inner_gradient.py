"""The loss of an inner step and its gradient with respect to the latents, in closed form.

Shape letters: s instances, p points, d coordinates, k values, h latent.
"""

from torch import Tensor

from mnif_core.networks.modulation import Modulation


def squared_error(values: Tensor, targets: Tensor) -> Tensor:
    """Mean over points and channels of (values - targets)^2: `[s, p, k]` twice -> `[s]`."""
    return (values - targets).square().mean((1, 2))


def squared_error_gradient_by_latents(
    modulation: Modulation, latents: Tensor, coordinates: Tensor, targets: Tensor
) -> Tensor:
    """Gradient of the sum of `squared_error` over instances, differentiable once more.

    Args:
        modulation: latents to networks.
        latents: `[s, h]`.
        coordinates: `[s, p, d]`.
        targets: `[s, p, k]`.

    Returns:
        `[s, h]`, equal to `autograd.grad` of the loss.
    """
    networks = modulation.instance(latents)
    return modulation.latent_gradient(latents, networks.squared_error_gradient(coordinates, targets))
