"""The prior's own samples, guided by views of an object that training has not seen.

In every step of the sampler its estimate is moved to what the views show, as far as the noise leaves it open: it
minimises log error + pull |z - z_0|^2 / share, with z the whitened latent, z_0 the estimate and share the open part of
the variance. Shape letters: n draws, v views, h latent.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.prior.protocol import Prior
from mnif_core.unseen.target_views import EXACT, TargetViews
from mnif_core.unseen.whitening import Whitening


@dataclass(frozen=True)
class GuidanceConfig:
    """How draws are guided."""

    draws: int = 8
    """At once."""
    reverse_steps: int = 25
    """Of diffusion."""
    steps: int = 4
    """Of Adam on every estimate; so many times more for a prior that draws at once."""
    rate: float = 0.3
    """Of those, in standard deviations of the training latents."""
    rays: int = 256
    """Pixels drawn in each."""
    pull: float = 0.5
    """Weight of the squared distance to the estimate against the log of the error of one view, where all is open."""
    least_share: float = 0.5
    """Of the variance that is taken as open to the end: what the prior has not seen."""
    seed: int = 0
    """Of draws and pixels."""


class ViewGuide:
    """Moves latents towards views of an object: a `Guide`.

    Args:
        field: of scenes.
        target: the object.
        views: of it, `[v]`, that are seen.
        config: how.
        steps: of Adam each time.
    """

    def __init__(
        self, field: GenerativeField, target: TargetViews, views: Tensor, config: GuidanceConfig, steps: int
    ) -> None:
        self._field, self._target, self._views = field, target, views
        self._config, self._steps = config, steps
        self._whitening = Whitening.of(field.latents)
        self._generator = torch.Generator().manual_seed(config.seed)
        self._share = target.drawn_share(views)  # all other pixels are right

    @torch.enable_grad()
    def __call__(self, latents: Tensor, share: float) -> Tensor:
        """See `Guide`."""
        share = max(share, self._config.least_share)
        start = self._whitening.whitened(latents)
        moved = nn.Parameter(start.clone())
        optimizer = torch.optim.Adam([moved], lr=self._config.rate * share**0.5, betas=(0.5, 0.9))
        pull = self._config.pull / len(self._views) / share
        for _ in range(self._steps):
            errors = self._share * self.errors(self._whitening.latents(moved))
            loss = (errors + EXACT).log() + pull * (moved - start).square().mean(1)
            optimizer.zero_grad()
            loss.sum().backward(inputs=[moved])
            optimizer.step()
        return self._whitening.latents(moved).detach()

    def errors(self, latents: Tensor) -> Tensor:
        """Mean squared error `[n]` of pixels that are drawn anew each time, the same for all latents `[n, h]`."""
        networks = self._field.modulation.instance(latents)
        return self._target.errors(networks, self._views, self._config.rays, self._generator)


def prior_to_guide(field: GenerativeField, draws: int) -> Prior:
    """The prior that `draws` samples can be drawn from.

    Raises:
        ConfigError: the field has none, or fewer than one are asked for.
    """
    if draws < 1:
        raise ConfigError(f"{draws} draws; pass 1 or more, or 0 to fit without")
    if field.prior is None:
        raise ConfigError("this field has no prior to draw from; train stage 2 first, or fit without draws")
    return field.prior


@torch.no_grad()
def guided_draws(
    field: GenerativeField, target: TargetViews, views: Tensor, config: GuidanceConfig = GuidanceConfig()
) -> Tensor:
    """Samples `[n, h]` of the field's prior that show what `views` `[v]` of `target` show, the best by them first.

    Raises:
        ConfigError: as `prior_to_guide`.
    """
    prior = prior_to_guide(field, config.draws)
    reverse = prior.reverse_steps
    steps = config.steps if reverse is not None else config.steps * config.reverse_steps
    guide = ViewGuide(field, target, views, config, steps)
    generator = torch.Generator(field.device).manual_seed(config.seed)
    count = min(config.reverse_steps, reverse or config.reverse_steps)
    drawn = prior.sample(config.draws, generator, "ddpm", count, guide=guide)
    return drawn[guide.errors(drawn).argsort()]
