"""The local bootstrap keeps to where latents lie, moves as far as it says, and its artefact draws the same."""

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.kinds import PRIORS, to_store
from mnif_core.prior.local_bootstrap import LocalBootstrapConfig, LocalBootstrapPrior


def ring(count: int) -> Tensor:
    angle = 6.2832 * torch.rand(count, 1, generator=torch.Generator().manual_seed(0))
    return torch.cat([angle.cos(), angle.sin()], 1)


def prior_of(latents: Tensor, neighbours: int, bandwidth: float) -> LocalBootstrapPrior:
    prior = LocalBootstrapPrior(LocalBootstrapConfig(latents.shape[1], len(latents), neighbours, bandwidth))
    prior.latents.copy_(latents)
    return prior


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_samples_stay_on_a_ring_where_those_of_one_covariance_do_not() -> None:
    latents = ring(400)
    local = LocalBootstrapPrior.fit(latents).sample(500, generator()).norm(dim=1)
    overall = BootstrapPrior.fit(latents, 0.8).sample(500, generator()).norm(dim=1)
    assert float((local - 1).abs().median()) < 0.005 and float((overall - 1).abs().median()) > 0.2


def test_covariance_of_what_is_added_is_the_neighbours() -> None:
    latents = torch.randn(6, 3, generator=generator(), dtype=torch.float32)
    near = latents[1:]  # of the first, which is the only one drawn: its neighbours are all others
    prior = prior_of(latents, 16, 0.6)
    drawn = prior._moved(
        latents, torch.zeros(200_000, dtype=torch.long), torch.randn(200_000, 5, generator=generator())
    )
    mean = near.mean(0) + 0.8 * (latents[0] - near.mean(0))
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), 0.36 * near.T.cov(correction=0), atol=0.01, rtol=0)


def test_without_a_bandwidth_it_draws_training_latents() -> None:
    latents = ring(20)
    assert float(torch.cdist(prior_of(latents, 4, 0.0).sample(50), latents).min(1).values.max()) < 1e-3


@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_few_latents(count: int) -> None:
    prior = LocalBootstrapPrior.fit(ring(count))
    assert torch.isfinite(prior.sample(9)).all() and prior.sample(0).shape == (0, 2)


def test_samples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = LocalBootstrapPrior.fit(ring(50))
    whole = prior.sample(100, generator())
    monkeypatch.setattr("mnif_core.prior.local_bootstrap.AT_ONCE", 7)
    torch.testing.assert_close(prior.sample(100, generator()), whole)


def test_a_label_draws_among_its_own() -> None:
    latents, labels = torch.cat([ring(40), 10.0 + ring(40)]), torch.arange(2).repeat_interleave(40)
    prior = LocalBootstrapPrior.fit(latents, labels, 2)
    assert float(prior.sample(50, label=0).max()) < 2 and float(prior.sample(50, label=1).min()) > 8
    with pytest.raises(ConfigError, match="label 2"):
        prior.sample(1, label=2)


@pytest.mark.parametrize("kind", [BootstrapPrior, LocalBootstrapPrior])
def test_asked_for_no_label_it_draws_of_each_as_labels_occur(
    kind: type[BootstrapPrior] | type[LocalBootstrapPrior],
) -> None:
    """A rare label's only neighbours would be another's, if it did not keep to its own."""
    latents, labels = torch.cat([ring(60), torch.tensor([[9.0, 9.0]]).repeat(4, 1)]), torch.tensor(60 * [0] + 4 * [1])
    prior = kind.fit(latents, labels=labels, classes=2)
    drawn = prior.sample(400, generator())
    of_the_rare = (drawn - 9.0).norm(dim=1) < 1e-4
    assert float(drawn[~of_the_rare].norm(dim=1).max()) < 4.0, "none lies between the labels"
    assert 0.02 < float(of_the_rare.float().mean()) < 0.12
    assert torch.equal(drawn, prior.sample(400, generator()))
    assert prior.sample(0).shape == (0, 2)


def test_what_is_stored_draws_the_same() -> None:
    prior = LocalBootstrapPrior.fit(ring(30))
    stored = to_store(prior.settings)
    again = PRIORS[stored.pop("kind")](**stored).build()
    again.load_state_dict(prior.state_dict())
    assert torch.equal(again.sample(5, generator()), prior.sample(5, generator()))


def test_no_latents_is_one_line() -> None:
    with pytest.raises(ConfigError, match="no latents"):
        LocalBootstrapPrior.fit(torch.zeros(0, 3))
