"""The mixture of Gaussians: its likelihood, what expectation-maximisation finds, and sets that are too small for it."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.expectation_maximisation import RIDGE, Gaussians, fit_gaussians, log_density
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CENTRES = torch.tensor([[6.0, 1.0, 7.0, 0.0], [-6.0, 3.0, 7.0, 0.5]])


def two_clusters(count: int) -> Tensor:
    """Three of four in the first; the third dimension never moves."""
    noise = torch.randn(count, 4, generator=seeded(0)) * torch.tensor([0.5, 1.0, 0.0, 0.2])
    return CENTRES[(torch.arange(count) % 4 == 3).long()] + noise


def test_likelihood_is_scipys() -> None:
    generator = seeded(1)
    shares = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    means = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    factors = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64).tril()
    factors.diagonal(dim1=1, dim2=2).abs_().add_(0.5)
    points = torch.randn(50, 4, generator=generator, dtype=torch.float64)
    covariances = factors @ factors.mT
    parts = [
        np.log(share) + multivariate_normal(mean, covariance).logpdf(points.numpy())
        for share, mean, covariance in zip(shares.numpy(), means.numpy(), covariances.numpy(), strict=True)
    ]
    wanted = torch.from_numpy(logsumexp(np.stack(parts), axis=0))
    torch.testing.assert_close(log_density(Gaussians(shares, means, factors), points), wanted, rtol=1e-10, atol=1e-10)


def test_one_component_has_the_mean_and_covariance_of_the_points() -> None:
    points = torch.randn(50, 3, generator=seeded(0), dtype=torch.float64) @ torch.rand(3, 3, dtype=torch.float64)
    found = fit_gaussians(points, 1, seeded(0))
    wanted = torch.cov(points.T, correction=0) + RIDGE * torch.eye(3)
    torch.testing.assert_close(found.means[0], points.mean(0), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.factors[0] @ found.factors[0].T, wanted, rtol=1e-9, atol=1e-9)


def test_clusters_are_found_and_chosen() -> None:
    latents = two_clusters(400)
    prior = GaussianMixturePrior.fit(latents, 2)
    order = prior.means[:, 0].argsort(descending=True)
    torch.testing.assert_close(prior.log_shares.softmax(0)[order], torch.tensor([0.75, 0.25]), atol=1e-3, rtol=0)
    torch.testing.assert_close(prior.means[order], CENTRES, atol=0.25, rtol=0)
    for component, own in zip(order, (latents[:, 0] > 0, latents[:, 0] < 0), strict=True):
        covariance, wanted = prior.factors[component] @ prior.factors[component].T, torch.cov(latents[own].T)
        torch.testing.assert_close(covariance.diagonal(), wanted.diagonal(), rtol=0.15, atol=0.05)
    assert GaussianMixturePrior.fit(latents).config.components >= 2
    assert GaussianMixturePrior.fit(torch.randn(60, 6, generator=seeded(0))).config.components == 1


def test_samples_have_its_moments_and_what_never_moves_stays() -> None:
    latents = two_clusters(400)
    samples = GaussianMixturePrior.fit(latents, 2).sample(40_000, seeded(2))
    assert (samples[:, 2] == 7.0).all()
    errors = (samples.mean(0) - latents.mean(0)).abs() / latents.std(0).clamp(min=1e-9)
    assert float(errors.max()) < 0.02
    wanted = torch.cov(latents.T)
    assert float((torch.cov(samples.T) - wanted).norm() / wanted.norm()) < 0.02
    assert float(((samples[:, 0] > 0).float().mean() - 0.75).abs()) < 0.01


def test_likelihood_of_the_prior_is_that_of_its_parts_in_dimensions_that_move() -> None:
    latents = two_clusters(100)
    prior = GaussianMixturePrior.fit(latents, 1)
    alive = [0, 1, 3]
    covariance = (prior.factors[0] @ prior.factors[0].T).double().numpy()[np.ix_(alive, alive)]
    wanted = multivariate_normal(prior.means[0, alive].numpy(), covariance).logpdf(latents[:, alive].numpy())
    torch.testing.assert_close(prior.log_density(latents), torch.from_numpy(wanted), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_latents_are_enough(count: int) -> None:
    latents = torch.randn(count, 5, generator=seeded(0))
    prior = GaussianMixturePrior.fit(latents)
    assert prior.config.components == 1 and torch.isfinite(prior.sample(20, seeded(1))).all()


def test_duplicates_are_borne() -> None:
    latents = torch.randn(2, 3, generator=seeded(0)).repeat(8, 1)
    samples = GaussianMixturePrior.fit(latents, 5).sample(50, seeded(1))
    assert torch.isfinite(samples).all()
    alike = torch.ones(6, 3)
    assert torch.equal(GaussianMixturePrior.fit(alike).sample(6, seeded(1)), alike)


def test_the_same_seed_gives_the_same() -> None:
    first, second = (GaussianMixturePrior.fit(two_clusters(80), seed=3) for _ in range(2))
    assert torch.equal(first.sample(9, seeded(5)), second.sample(9, seeded(5)))
    assert not torch.equal(first.sample(9, seeded(5)), second.sample(9, seeded(6)))


@pytest.mark.parametrize(("count", "components"), [(0, None), (5, 6), (5, 0), (5, -1)])
def test_what_cannot_be_is_one_line(count: int, components: int | None) -> None:
    with pytest.raises(ConfigError, match="at most one a latent") as caught:
        GaussianMixturePrior.fit(torch.zeros(count, 3), components)
    assert "\n" not in str(caught.value)
