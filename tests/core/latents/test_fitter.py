"""Where the latents of unseen instances start."""

import pytest
import torch
from torch import Tensor

from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren

STILL = FittingConfig(strategy="auto-decoding", inner_steps=1, inner_rate=1e-6)


@pytest.fixture
def mixture() -> MixtureSiren:
    torch.manual_seed(0)
    return MixtureSiren(MixtureConfig(in_dim=2, out_dim=3, hidden_layers=1, width=8, num_bases=6, latent_dim=5))


def seen(mixture: MixtureSiren, latents: Tensor, points: int) -> tuple[Tensor, Tensor]:
    coordinates = torch.rand(len(latents), points, 2) * 2 - 1
    return coordinates, mixture.instance(latents)(coordinates).detach()


@pytest.mark.parametrize("points", [40, 3000])
def test_auto_decoding_starts_each_instance_at_the_training_latent_that_fits_it(
    mixture: MixtureSiren, points: int
) -> None:
    known = torch.randn(100, 5)
    coordinates, targets = seen(mixture, known[[70, 3, 70]], points)
    found = LatentFitter(STILL, 5).fit(mixture, coordinates, targets, known=known)
    torch.testing.assert_close(found, known[[70, 3, 70]], atol=1e-5, rtol=0)


def test_of_many_training_latents_some_stand_for_all(mixture: MixtureSiren) -> None:
    known = torch.randn(5000, 5)
    coordinates, targets = seen(mixture, known[:3], 40)
    found = LatentFitter(STILL, 5).fit(mixture, coordinates, targets, known=known)
    assert ((found[:, None] - known).abs().amax(2) < 1e-5).any(1).all()
    torch.testing.assert_close(found[0], known[0], atol=1e-5, rtol=0)  # both ends are among them


@pytest.mark.parametrize("known", [None, torch.zeros(0, 5)])
def test_without_training_latents_it_starts_at_the_mean(mixture: MixtureSiren, known: Tensor | None) -> None:
    coordinates, targets = seen(mixture, torch.randn(2, 5), 40)
    found = LatentFitter(STILL, 5).fit(mixture, coordinates, targets, known=known)
    torch.testing.assert_close(found, mixture.mean_latent().expand(2, -1), atol=1e-5, rtol=0)


def test_meta_learning_starts_where_it_has_learned_to(mixture: MixtureSiren) -> None:
    fitter, known = LatentFitter(FittingConfig(inner_steps=2, inner_rate=0.1), 5), torch.randn(3, 5)
    coordinates, targets = seen(mixture, known, 40)
    with torch.no_grad():
        given, alone = (fitter.fit(mixture, coordinates, targets, known=latents) for latents in (known, None))
    torch.testing.assert_close(given, alone, atol=0, rtol=0)


def test_latents_settle_where_no_outer_step_follows(mixture: MixtureSiren) -> None:
    coordinates = 2 * torch.rand(4, 64, 2, generator=torch.Generator().manual_seed(0)) - 1
    targets = mixture.instance(0.5 * torch.randn(4, 5, generator=torch.Generator().manual_seed(1)))(coordinates)
    targets = targets.detach()
    few, settling = (LatentFitter(FittingConfig(inner_rate=0.05, settling_steps=steps), 5) for steps in (0, 50))
    found, settled = (fitter.fit(mixture, coordinates, targets) for fitter in (few, settling))
    errors = [(mixture.instance(each)(coordinates) - targets).square().mean((1, 2)) for each in (found, settled)]
    assert (errors[1] < errors[0]).all()
    noise = torch.zeros(4, 5)
    assert torch.equal(
        settling.fit(mixture, coordinates, targets, noise), few.fit(mixture, coordinates, targets, noise)
    )
