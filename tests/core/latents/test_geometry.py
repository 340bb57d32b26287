"""Truncation, bilinear mixes and principal directions against hand-worked numbers."""

import pytest
import torch

from mnif_core.errors import ConfigError
from mnif_core.latents.geometry import bilinear, principal_directions, truncate, typical_gap


def test_truncation_pulls_towards_the_mean() -> None:
    mean, latents = torch.tensor([1.0, -1.0]), torch.tensor([[3.0, 1.0], [1.0, -5.0]])
    assert torch.equal(truncate(latents, mean, 1.0), latents)
    assert torch.equal(truncate(latents, mean, 0.0), mean.expand(2, 2))
    assert torch.equal(truncate(latents, mean, 0.5), torch.tensor([[2.0, 0.0], [1.0, -3.0]]))


@pytest.mark.parametrize("factor", [-0.1, 1.5, float("nan")])
def test_truncation_out_of_range_is_named(factor: float) -> None:
    with pytest.raises(ConfigError, match="between 0"):
        truncate(torch.zeros(1, 2), torch.zeros(2), factor)


def test_bilinear_meets_its_corners_and_middle() -> None:
    corners = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 8.0], [4.0, 12.0]])
    across, down = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5, 0.25]), torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5, 0.0])
    expected = torch.cat([corners, torch.tensor([[2.0, 5.0], [1.0, 0.0]])])
    assert torch.equal(bilinear(corners, across, down), expected)


def test_principal_directions_of_known_spread() -> None:
    """Latents spread by 3 along (0.6, 0.8, 0), by 1 along (0.8, -0.6, 0), by nothing along z."""
    first, second = torch.tensor([0.6, 0.8, 0.0]), torch.tensor([0.8, -0.6, 0.0])
    a = torch.tensor([3.0, -3.0, 3.0, -3.0, 0.0])
    b = torch.tensor([1.0, 1.0, -1.0, -1.0, 0.0])
    latents = 5.0 + a[:, None] * first + b[:, None] * second
    directions, shares = principal_directions(latents, 6)
    assert directions.shape == (2, 3)
    torch.testing.assert_close(directions, torch.stack([3.0 * first, 1.0 * second]), atol=1e-5, rtol=0)
    torch.testing.assert_close(shares, torch.tensor([0.9, 0.1]))


def test_principal_directions_span_the_spread() -> None:
    latents = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 7.0)
    directions, shares = principal_directions(latents, 6)
    assert float(shares.sum()) == pytest.approx(1.0, abs=1e-5)
    assert (shares[:-1] >= shares[1:]).all()
    torch.testing.assert_close(directions.T @ directions, torch.cov(latents.T), atol=1e-3, rtol=1e-4)
    assert torch.equal(principal_directions(latents, 2)[0], directions[:2])


def test_one_instance_has_no_directions() -> None:
    with pytest.raises(ConfigError, match="two or more"):
        principal_directions(torch.zeros(1, 4), 2)


def test_typical_gap_by_hand() -> None:
    assert typical_gap(torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.5]])) == 1.0  # 1, 1, 2, 0.5, 0.5
    assert typical_gap(torch.zeros(1, 3)) == 0.0
    many = torch.arange(1000.0)[:, None] * 2.0
    assert typical_gap(many, probes=10) == 2.0
