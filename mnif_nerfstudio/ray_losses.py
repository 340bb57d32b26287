"""Losses of scenes known by views, for the refit after stage 1.

Shape letters: s scenes, r rays of a scene, h latent.
"""

import torch
from torch import Tensor

from mnif_nerfstudio.datamanager import MultiSceneDataManager
from mnif_nerfstudio.model import MnifModel

RAYS, JUDGED = 32, 512  # of a scene: in a step, and to judge its latents by


class RayLosses:
    """Squared errors of colours in [-1, 1], as in stage 1: see `mnif_core.latents.refit.RefitLosses`.

    Args:
        model: with the bases, which are left as they are.
        datamanager: draws the rays.
    """

    def __init__(self, model: MnifModel, datamanager: MultiSceneDataManager) -> None:
        self.model, self.datamanager = model, datamanager

    def fitted(self, index: Tensor, latents: Tensor, number: int) -> Tensor:
        """See `RefitLosses.fitted`."""
        return self._losses(index, latents, number, RAYS, judging=False)

    def judged(self, index: Tensor, latents: Tensor) -> Tensor:
        """See `RefitLosses.judged`."""
        return self._losses(index, latents, 0, JUDGED, judging=True)

    def _losses(self, index: Tensor, latents: Tensor, number: int, rays: int, judging: bool) -> Tensor:
        pixels, jitter = self.datamanager.refit_rays(index, number, rays, self.model.signal.samples_per_ray, judging)
        shape = (len(index), rays, 3)
        origins, colors = pixels.origins.view(shape), pixels.colors.view(shape)
        directions = (pixels.directions * pixels.directions_norm).view(shape)
        with torch.autocast(latents.device.type, enabled=False):
            networks = self.model.field.networks(latents)
            errors, _ = self.model.signal.rays_error(
                networks, origins, directions, colors, None if judging else jitter.view(*shape[:2], -1)
            )
        return 4.0 * errors
