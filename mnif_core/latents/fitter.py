"""Finds the latents of instances for a modulation that is given, as it was trained to have them found.

Shape letters: s instances, p points, d coordinates, k values, h latent.
"""

from functools import partial

import torch
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_core.latents.inner_gradient import squared_error, squared_error_gradient_by_latents
from mnif_core.latents.inner_loop import FittingConfig, InnerRates, fit_latents
from mnif_core.networks.modulation import Modulation
from mnif_core.spread import spread_indices

CANDIDATES, JUDGED_POINTS = 256, 512  # training latents where an unseen instance may start, and how they are judged
AT_ONCE = 32  # candidates, which bounds memory
SETTLING_RATE, MOMENTUM = 0.3, 0.8  # of the learned rates: at all of them the error rises again at first


class LatentFitter(nn.Module):
    """The inner loop with its learned rates; for auto-decoding, Adam from the training latent that fits best already.

    The few steps that an outer step can be taken through leave pictures soft. Gradient descent goes on from there,
    at a share of the learned rates and with momentum, and latents stay as orderly as a prior needs them, where Adam
    moves all dimensions alike.

    From the mean latent Adam may end where no shape is: of 16 unseen cars, one or two did in every other run.

    Args:
        config: strategy, steps, rates.
        latent_dim: h.

    Raises:
        ConfigError: no inner step.
    """

    def __init__(self, config: FittingConfig, latent_dim: int) -> None:
        super().__init__()
        if config.inner_steps < 1:
            raise ConfigError(f"inner_steps {config.inner_steps}: latents need at least 1 step; choose 1 or more")
        self.config = config
        if config.strategy != "auto-decoding" and config.learn_rates:
            self.rates = InnerRates(latent_dim, config.inner_rate)

    def start(self, modulation: Modulation, noise: Tensor) -> Tensor:
        """Latents to start from, N(mean, sigma^2 I), for standard normal `noise` `[s, h]`; zeros give the mean."""
        return modulation.mean_latent().to(noise) + self.config.latent_std * noise

    def fit(
        self,
        modulation: Modulation,
        coordinates: Tensor,
        targets: Tensor,
        noise: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Tensor:
        """Latents `[s, h]` that bring a field's values at `coordinates` `[s, p, d]` to `targets` `[s, p, k]`.

        Args:
            modulation: latents to networks.
            coordinates: `[s, p, d]`.
            targets: `[s, p, k]`, in [-1, 1].
            noise: `[s, h]` of the start in training; none to start at the mean, as unseen instances do.
            known: training latents `[n, h]`, where auto-decoding looks for a start. None: the mean.
        """
        training = noise is not None
        if noise is None:
            noise = targets.new_zeros(len(targets), modulation.config.latent_dim)
        init = self.start(modulation, noise)
        if self.config.strategy == "auto-decoding":
            if known is not None and len(known):
                init = _best(known, modulation, coordinates, targets)
            return self._adam(init, modulation, coordinates, targets)

        def gradient(latents: Tensor) -> Tensor:
            return squared_error_gradient_by_latents(modulation, latents, coordinates, targets)

        def loss(latents: Tensor) -> Tensor:
            return squared_error(modulation.instance(latents)(coordinates), targets)

        config = self.config
        second_order = config.strategy == "meta-learning" and torch.is_grad_enabled()
        rate = self.rates() if config.learn_rates else config.inner_rate
        descend = partial(
            fit_latents, loss, weight_decay=config.weight_decay, gradient=gradient, clip=config.inner_clip
        )
        found = descend(init, config.inner_steps, rate, second_order)
        if training or config.settling_steps == 0:
            return found
        return descend(found, config.settling_steps, SETTLING_RATE * rate, momentum=MOMENTUM)

    @torch.no_grad()
    def _adam(self, init: Tensor, modulation: Modulation, coordinates: Tensor, targets: Tensor) -> Tensor:
        parameter = nn.Parameter(init)
        optimizer = torch.optim.Adam([parameter], lr=self.config.inner_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.config.inner_steps)
        points, generator = targets.shape[1], torch.Generator().manual_seed(0)
        for _ in range(self.config.inner_steps):
            seen: Tensor | slice = slice(None)
            if points > self.config.inner_points:
                seen = torch.randint(points, (self.config.inner_points,), generator=generator).to(targets.device)
            gradient = squared_error_gradient_by_latents(modulation, parameter, coordinates[:, seen], targets[:, seen])
            parameter.grad = gradient + self.config.weight_decay * parameter
            optimizer.step()
            schedule.step()
        return parameter.detach()


@torch.no_grad()
def _best(known: Tensor, modulation: Modulation, coordinates: Tensor, targets: Tensor) -> Tensor:
    """For each instance, the latent of `known` `[n, h]` with the least error, `[s, h]`; some of both stand for all."""
    known, seen = known[spread_indices(len(known), CANDIDATES)], spread_indices(targets.shape[1], JUDGED_POINTS)
    coordinates, targets = coordinates[:, seen], targets[:, seen]
    errors = []
    for candidates in known.split(AT_ONCE):
        networks, count = modulation.instance(candidates), len(candidates)
        pairs = zip(coordinates, targets, strict=True)
        errors.append(torch.stack([squared_error(networks(x.expand(count, -1, -1)), y) for x, y in pairs]))
    return known[torch.cat(errors, 1).argmin(1)]
