"""Nearest training neighbours: exact, also for copies, and block by block."""

import pytest
import torch

from mnif_core.latents.novelty import distances, nearest, sample_novelty


def test_copies_have_distance_zero_however_far_from_the_origin() -> None:
    training = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) + 100
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    assert nearest(training[order], training).tolist() == order.tolist()
    assert distances(training[order], training).eq(0).all()
    assert sample_novelty(training[order], training)["novelty_ratio"] == 0


def test_blocks_do_not_change_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    samples, training = torch.randn(30, 4, generator=generator), torch.randn(20, 4, generator=generator)
    whole = sample_novelty(samples, training)
    matrix = (training[:, None] - training).norm(dim=2).fill_diagonal_(torch.inf)
    assert whole["train_distance"] == pytest.approx(float(matrix.min(1).values.median()), rel=1e-4)
    monkeypatch.setattr("mnif_core.latents.novelty.ENTRIES", 100)
    assert sample_novelty(samples, training) == pytest.approx(whole, rel=1e-5)
