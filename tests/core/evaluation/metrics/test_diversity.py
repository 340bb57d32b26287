"""Mean pairwise distance against scipy's."""

import pytest
import torch
from scipy.spatial.distance import pdist

from mnif_core.evaluation.metrics.diversity import mean_pairwise_distance


def test_it_is_scipys() -> None:
    features = torch.randn(30, 7, generator=torch.Generator().manual_seed(0))
    assert mean_pairwise_distance(features) == pytest.approx(pdist(features.double().numpy()).mean(), rel=1e-6)


def test_fewer_than_two_and_copies_have_none() -> None:
    assert mean_pairwise_distance(torch.randn(1, 7)) == mean_pairwise_distance(torch.randn(0, 7)) == 0.0
    assert mean_pairwise_distance(torch.ones(4, 7)) == pytest.approx(0.0, abs=1e-6)
