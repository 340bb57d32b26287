"""The diffusion prior over latents (paper 4.2)."""

from mnif_core.prior.latent_prior import LatentPrior, PriorConfig

__all__ = ["LatentPrior", "PriorConfig"]
