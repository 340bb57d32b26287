"""The Gaussian of the training latents, in whose whitened coordinates latents of unseen scenes are searched.

Shape letters: n training latents, s latents, h latent.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

DEAD = 1e-6  # share of the widest direction's variance that every direction has at least


@dataclass(frozen=True)
class Whitening:
    """Latents are mean + root z, with z standard normal.

    Attributes:
        mean: `[h]`.
        root: `[h, h]`, a square root of the covariance, which few latents give only in part.
        inverse: its inverse.
    """

    mean: Tensor
    root: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, latents: Tensor) -> "Whitening":
        """That of training latents `[n, h]`; of one latent, with unit covariance around it."""
        mean, (count, dimensions) = latents.mean(0), latents.shape
        if count < 2:
            unit = torch.eye(dimensions, device=latents.device)
            return cls(mean, unit, unit)
        covariance = torch.cov(latents.T)
        shrunk = torch.lerp(covariance, covariance.diag().diag(), dimensions / (dimensions + count))
        variances, directions = torch.linalg.eigh(shrunk)
        spread = variances.clamp(min=DEAD * float(variances.max())).sqrt()
        return cls(mean, directions * spread, (directions / spread).T)

    def latents(self, whitened: Tensor) -> Tensor:
        """Latents `[..., h]` of coordinates `[..., h]`."""
        return self.mean + whitened @ self.root.T

    def whitened(self, latents: Tensor) -> Tensor:
        """Coordinates `[..., h]` of latents `[..., h]`."""
        return (latents - self.mean) @ self.inverse.T
