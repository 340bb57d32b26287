"""Losses of instances known by values at points, for the refit after stage 1.

Shape letters: s instances, p points, h latent.
"""

import torch
from torch import Tensor

from mnif_core.networks.modulation import Modulation
from mnif_core.rendering.losses import SquaredError
from mnif_core.signals.observations import Observations
from mnif_core.training.stages import step_generator

POINTS = 128  # of an instance in a step
JUDGED, JUDGED_SHARE = 2048, 4  # at most, and one of so many points


class PointLosses:
    """Squared errors at points: see `RefitLosses`.

    Of what is known whole, as pictures are, no point is left to mislead a step: all of them serve both.

    Args:
        modulation: latents to networks; it is left as it is.
        observations: the training instances, each known at two points or more, or whole.
        seed: decides which points judge, and which a step sees.
    """

    def __init__(self, modulation: Modulation, observations: Observations, seed: int) -> None:
        self.modulation, self.observations, self.seed = modulation, observations, seed
        order = torch.randperm(observations.points, generator=step_generator(seed, 4, 0))
        if observations.points == observations.signal.points:
            judges, others = order[:JUDGED], order
        else:
            count = min(JUDGED, max(1, observations.points // JUDGED_SHARE))
            judges, others = order[:count], order[count:]
        self.judges, self.others = judges.sort().values, others.sort().values

    def fitted(self, index: Tensor, latents: Tensor, number: int) -> Tensor:
        """See `RefitLosses.fitted`."""
        generator = step_generator(self.seed, 5, int(index[0]) * (1 << 20) + number)
        drawn = torch.randint(len(self.others), (len(index), POINTS), generator=generator)
        return self._losses(index, latents, self.others[drawn])

    def judged(self, index: Tensor, latents: Tensor) -> Tensor:
        """See `RefitLosses.judged`."""
        return self._losses(index, latents, self.judges.expand(len(index), -1))

    def _losses(self, index: Tensor, latents: Tensor, chosen: Tensor) -> Tensor:
        coordinates, targets = (part.to(latents.device) for part in self.observations.observe(index.cpu(), chosen))
        return self.modulation.instance(latents).loss(coordinates, SquaredError(targets))
