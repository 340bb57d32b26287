"""Samples of Eq. 11 lie between a training latent and one of its nearest."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mnif_core import GenerativeField
from mnif_core.cli import main
from mnif_core.data.image_files import load_images
from mnif_core.errors import ConfigError
from mnif_core.latents.neighbours import sample_between_neighbours
from tests.core.test_cli import save_field


@pytest.mark.parametrize("neighbours", [1, 3, 50])
def test_samples_lie_on_segments_to_the_nearest(neighbours: int) -> None:
    latents = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    samples = sample_between_neighbours(latents, 400, torch.Generator().manual_seed(1), neighbours)
    distances = torch.cdist(latents, latents)
    allowed = distances.argsort(1)[:, 1 : neighbours + 1]
    ends = torch.stack([latents.unsqueeze(1).expand(-1, allowed.shape[1], -1), latents[allowed]], 2).flatten(0, 1)
    direction = ends[:, 1] - ends[:, 0]
    offset = samples.unsqueeze(1) - ends[:, 0]
    share = (offset * direction).sum(-1) / direction.square().sum(-1)
    away = (offset - share.unsqueeze(-1) * direction).norm(dim=-1)
    on_segment = (away < 1e-9) & (share >= 0) & (share <= 1)
    assert on_segment.any(1).all()
    found = share[torch.arange(400), on_segment.int().argmax(1)]
    assert float(found.min()) < 0.1 and float(found.max()) > 0.9


def test_a_field_without_prior_can_be_sampled(tmp_path: Path) -> None:
    run = save_field("image", tmp_path / "run", prior=False)
    field = GenerativeField.load(run / "field")
    samples = field.sample(3, seed=4, sampler="neighbours")
    assert torch.equal(samples, field.sample(3, seed=4, sampler="neighbours"))
    assert not torch.equal(samples, field.sample(3, seed=5, sampler="neighbours"))
    with pytest.raises(ConfigError, match="no prior.*neighbours"):
        field.sample(3)
    assert main(["sample", str(run), "--sampler", "neighbours", "--count", "2"]) == 0
    assert (run / "samples-seed-0.png").exists()
    np.save(tmp_path / "data.npy", np.random.default_rng(0).integers(0, 255, (7, 8, 8, 3), dtype=np.uint8))
    field.names = load_images(tmp_path / "data.npy", 8).names[:5]
    field.save(run / "field")
    assert main(["evaluate", str(run), "--data", str(tmp_path / "data.npy"), "--sampler", "neighbours"]) == 0
    assert "precision" in json.loads((run / "evaluation.json").read_text())["figures"]["generation"]


def test_one_latent_has_no_neighbour() -> None:
    with pytest.raises(ConfigError, match="there must be two"):
        sample_between_neighbours(torch.zeros(1, 4), 2)
