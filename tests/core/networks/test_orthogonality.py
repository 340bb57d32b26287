"""Similarity of bases: exact on bases that are known, and driven down by the penalty."""

from pathlib import Path

import pytest
import torch

from mnif_core.cli import main
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.orthogonality import basis_similarity, orthogonality_loss
from tests.core.test_cli import save_field


def known() -> MixtureSiren:
    mixture = MixtureSiren(MixtureConfig(2, 2, 0, 2, 3, 4))
    with torch.no_grad():
        for weight in mixture.basis_weights:
            weight.zero_()
            weight[0, 0, 0] = 2.0
            weight[1, 0, 0] = -3.0
            weight[2, 1, 1] = 1.0
    return mixture


def test_similarity_is_the_absolute_cosine() -> None:
    for similarity in basis_similarity(known()):
        expected = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
        torch.testing.assert_close(similarity, expected)
    assert orthogonality_loss(known()).item() == pytest.approx(1 / 3)


def test_the_penalty_drives_bases_apart() -> None:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(2, 3, 1, 8, 4, 4))
    optimizer = torch.optim.Adam(mixture.parameters(), lr=1e-2)
    before = orthogonality_loss(mixture).item()
    for _ in range(100):
        optimizer.zero_grad()
        loss = orthogonality_loss(mixture)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * before


def test_command_draws_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_field("image", tmp_path / "run")
    assert main(["bases", str(run)]) == 0
    assert "layer 2: |cosine| between 4 bases" in capsys.readouterr().out
    assert (run / "bases.png").stat().st_size > 5000
