"""Samples of every kind of prior that views guide."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mnif_core.data.posed_views import PosedViews
from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.prior.protocol import Prior
from mnif_core.rendering.cameras import look_at_origin_opengl
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.guided_draws import GuidanceConfig, guided_draws
from mnif_core.unseen.target_views import TargetViews
from tests.painted_boxes import painted_boxes

VIEWS = torch.tensor([0])


def diffusion(latents: Tensor) -> Prior:
    torch.manual_seed(0)
    prior = LatentPrior(PriorConfig(6, width=32, blocks=1))
    prior.fit_statistics(latents)
    optimizer, generator = torch.optim.Adam(prior.denoiser.parameters(), 3e-3), torch.Generator().manual_seed(0)
    for _ in range(300):
        optimizer.zero_grad()
        prior.loss(latents.repeat(8, 1), generator).backward()
        optimizer.step()
        prior.update_ema()
    return prior


KINDS: dict[str, Callable[[Tensor], Prior]] = {
    "diffusion": diffusion,
    "bootstrap": lambda latents: BootstrapPrior.fit(latents, 0.5),
    "mixture": lambda latents: GaussianMixturePrior.fit(latents, 2),
}


@pytest.fixture
def target() -> tuple[GenerativeField, TargetViews]:
    """A field, and a view of a scene that it was not trained on."""
    field = painted_boxes(prior=False)
    signal = SceneSignal.of(field.signal)
    camera = look_at_origin_opengl(torch.tensor([0.4]), math.radians(24.0), 1.3)
    latent = torch.randn(6, generator=torch.Generator().manual_seed(4))
    picture = (field.render(latent, camera[0]) * 255).round().byte().numpy()
    views = PosedViews("box", picture, camera.numpy(), signal.intrinsics[None].numpy())
    return field, TargetViews(views, signal, "cpu")


@pytest.mark.parametrize("kind", KINDS)
def test_guided_samples_show_the_views(target: tuple[GenerativeField, TargetViews], kind: str) -> None:
    field, views = target
    field.prior = KINDS[kind](field.latents)
    config = GuidanceConfig(draws=4, reverse_steps=8, rays=128)
    drawn = guided_draws(field, views, VIEWS, config)
    assert drawn.shape == (4, 6) and not drawn.requires_grad
    free = field.prior.sample(16, torch.Generator().manual_seed(0), "ddpm", 8)
    errors, unguided = (
        [float((views.rendered(field.instance(one), VIEWS) - views.truth(VIEWS)).square().mean()) for one in latents]
        for latents in (drawn, free)
    )
    assert sum(errors) / len(errors) < 0.5 * sum(unguided) / len(unguided)
    assert errors[0] <= errors[-1]
    assert torch.equal(guided_draws(field, views, VIEWS, config), drawn)


@pytest.mark.parametrize("kind", KINDS)
def test_a_guide_that_changes_nothing_leaves_samples_as_they_are(kind: str) -> None:
    latents = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    prior, shares = KINDS[kind](latents), []

    def guide(estimate: Tensor, share: float) -> Tensor:
        shares.append(share)
        return estimate

    with torch.no_grad():
        plain, guided = (
            prior.sample(5, torch.Generator().manual_seed(1), "ddpm", 8, guide=one) for one in (None, guide)
        )
    torch.testing.assert_close(guided, plain)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert shares == sorted(shares, reverse=True) and len(shares) == (8 if kind == "diffusion" else 1)


def test_a_field_without_prior_is_refused(target: tuple[GenerativeField, TargetViews]) -> None:
    field, views = target
    with pytest.raises(ConfigError, match="no prior to draw from"):
        guided_draws(field, views, VIEWS)
