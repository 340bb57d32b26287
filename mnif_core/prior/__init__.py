"""Priors over latents: diffusion (paper 4.2), and for small sets a mixture of Gaussians and smoothed bootstraps."""

from mnif_core.prior.latent_prior import LatentPrior, PriorConfig

__all__ = ["LatentPrior", "PriorConfig"]
