"""A field whose scenes are one box in different paint: the shape tells cameras apart, the paint which end is which."""

import torch

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.signals.scenes import SceneSignal

SIDE = 32
BOX = ((-0.2, -0.4, -0.15), (0.25, 0.4, 0.15))


def painted_boxes(prior: bool = True) -> GenerativeField:
    """Twelve of them, seen in `SIDE` pixels."""
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(3, 4, 1, 16, 4, 6, w0=6.0))
    with torch.no_grad():
        mixture.basis_weights[-1].mul_(4)  # colours that change with places and latents
        mixture.basis_biases[-1][:, 3] += 8.0  # opaque
    signal = SceneSignal(samples_per_ray=16, density="softplus", box=BOX, height=SIDE, width=SIDE, focal=1.025 * SIDE)
    latents = torch.randn(12, 6)
    return GenerativeField(mixture, latents, signal, GaussianMixturePrior.fit(latents, 1) if prior else None)
