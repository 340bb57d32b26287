"""A classifier tells samples from held-out instances exactly where they differ."""

import pytest
import torch
from torch import Tensor

from mnif_core.prior.two_sample import told_apart


def normal(count: int, seed: int) -> Tensor:
    return torch.randn(count, 20, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("count", [8, 16, 200])
def test_of_one_kind_they_are_told_by_chance(count: int) -> None:
    found = told_apart(normal(1024, 0), normal(count, 1))
    assert abs(found.share - 0.5) < 3 * found.error and found.error < 0.15


@pytest.mark.parametrize("samples", [3.0 + normal(400, 0), 0.3 * normal(400, 0)])
def test_others_are_told(samples: Tensor) -> None:
    assert told_apart(samples, normal(200, 1)).share > 0.9


def test_what_holds_together_only_one_by_one_is_told() -> None:
    """Each number is distributed alike, and so are distances to the mean; only their signs go together."""
    signs = normal(200, 1).sign()[:, :1]
    assert told_apart(normal(400, 2), normal(200, 3).abs() * signs).share > 0.7


def test_fewer_samples_than_instances_are_compared_once() -> None:
    assert 0.0 <= told_apart(normal(20, 0), normal(40, 1)).share <= 1.0
