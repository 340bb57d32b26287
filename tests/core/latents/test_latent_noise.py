"""Noise on latents: as large as the table's spread says, in every dimension of its own, and no way to flee it."""

import pytest
import torch

from mnif_core.latents.latent_noise import noised

SPREADS = torch.tensor([0.01, 1.0, 30.0, 0.0])


def table(count: int = 4000) -> torch.Tensor:
    return 5.0 + SPREADS * torch.randn(count, 4, generator=torch.Generator().manual_seed(0))


def test_none_is_the_latents_themselves() -> None:
    latents = table()[:3]
    assert noised(latents, table(), torch.ones(3, 4), 0.0) is latents


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_it_is_relative_to_the_spread_of_each_dimension(share: float) -> None:
    latents, noise = table(), torch.randn(4000, 4, generator=torch.Generator().manual_seed(1))
    added = noised(latents, latents, noise, share) - latents
    torch.testing.assert_close(added.std(0), share * SPREADS, rtol=0.05, atol=1e-5)
    torch.testing.assert_close(
        noised(7 * latents, 7 * latents, noise, share), 7 * (latents + added), rtol=1e-4, atol=1e-4
    )


def test_one_instance_has_no_spread() -> None:
    latents = torch.randn(1, 4)
    assert torch.equal(noised(latents, latents, torch.ones(1, 4), 0.3), latents)


def test_the_spread_has_no_gradient() -> None:
    weights = table(50).requires_grad_()
    noised(weights[:2], weights, torch.ones(2, 4), 0.3).sum().backward()
    assert weights.grad is not None
    assert torch.equal(weights.grad[:2], torch.ones(2, 4)) and not weights.grad[2:].any()
