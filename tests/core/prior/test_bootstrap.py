"""The smoothed bootstrap: moments are kept, small sets are borne, and held-out latents choose how far it moves."""

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.latents.novelty import distances
from mnif_core.prior.bootstrap import BANDWIDTHS, BootstrapPrior

DRAWN = 40_000


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def skewed(count: int, dim: int) -> Tensor:
    """Latents of unequal spread, dependent dimensions and a long tail."""
    noise = torch.randn(count, dim, generator=seeded(0), dtype=torch.float64)
    mixing = torch.randn(dim, dim, generator=seeded(1), dtype=torch.float64)
    return 5.0 + noise.exp() @ mixing


@pytest.mark.parametrize("bandwidth", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("count", [4, 60])  # fewer latents than dimensions, and more
def test_mean_and_covariance_are_those_of_the_latents(count: int, bandwidth: float) -> None:
    latents = skewed(count, 6)
    samples = BootstrapPrior.fit(latents, bandwidth).sample(DRAWN, seeded(2))
    wanted = torch.cov(latents.T, correction=0)
    errors = (samples.mean(0) - latents.mean(0)).abs() / wanted.diagonal().sqrt()
    assert float(errors.max()) < 4.0 / DRAWN**0.5
    assert float((torch.cov(samples.T) - wanted).norm() / wanted.norm()) < 0.05


def test_without_bandwidth_it_draws_training_latents_with_it_new_ones() -> None:
    latents = skewed(30, 5).float()
    copies, new = (BootstrapPrior.fit(latents, bandwidth).sample(200, seeded(0)) for bandwidth in (0.0, 0.4))
    assert float(distances(copies, latents).max()) < 1e-4 < float(distances(new, latents).min())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_latents_are_enough_and_what_never_moves_stays(count: int) -> None:
    latents = torch.randn(count, 4, generator=seeded(0))
    latents[:, 2] = 0.1
    samples = BootstrapPrior.fit(latents).sample(50, seeded(1))
    assert samples.dtype == torch.float32 and (samples[:, 2] == latents[0, 2]).all()
    assert bool((samples.std(0) > 0).any()) == (count > 1)


def test_duplicates_are_borne() -> None:
    latents = torch.randn(2, 3, generator=seeded(0)).repeat(8, 1)
    assert torch.isfinite(BootstrapPrior.fit(latents).sample(20, seeded(1))).all()
    alike = torch.ones(6, 3)
    assert torch.equal(BootstrapPrior.fit(alike).sample(6, seeded(1)), alike)


def test_latents_of_a_gaussian_ask_for_more_smoothing_than_clusters() -> None:
    gaussian = torch.randn(40, 16, generator=seeded(0))
    clusters = 5.0 * torch.randn(4, 16, generator=seeded(1)).repeat(10, 1) + 0.05 * gaussian
    chosen = [BootstrapPrior.fit(latents).config.bandwidth for latents in (gaussian, clusters)]
    assert chosen[0] > chosen[1] == BANDWIDTHS[0]


def test_the_same_seed_gives_the_same() -> None:
    latents = skewed(40, 5).float()
    first, second = BootstrapPrior.fit(latents, seed=3), BootstrapPrior.fit(latents, seed=3)
    assert first.config == second.config
    assert torch.equal(first.sample(9, seeded(5)), second.sample(9, seeded(5)))
    assert not torch.equal(first.sample(9, seeded(5)), second.sample(9, seeded(6)))


@pytest.mark.parametrize(("count", "bandwidth"), [(0, None), (5, -0.1), (5, 1.5)])
def test_what_cannot_be_is_one_line(count: int, bandwidth: float | None) -> None:
    with pytest.raises(ConfigError, match="take one or more") as caught:
        BootstrapPrior.fit(torch.zeros(count, 3), bandwidth)
    assert "\n" not in str(caught.value)
