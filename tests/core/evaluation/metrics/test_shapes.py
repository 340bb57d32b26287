"""Shape distances against the authors' numbers and brute force."""

import pytest
import torch

from mnif_core.evaluation.metrics.shapes import chamfer_distances, shape_scores
from tests.golden_data import case_names, load_case, tensors


@pytest.mark.parametrize("name", case_names("f_"))
def test_golden_coverage_and_matching_distance(name: str) -> None:
    meta, arrays = load_case(name)
    data = tensors(arrays)
    ours = shape_scores(data["ref_pcs"], data["sample_pcs"])
    assert ours.coverage == pytest.approx(float(data["cov"]))
    assert ours.minimum_matching_distance == pytest.approx(float(data["mmd"]), rel=meta["tolerance"]["mmd_rtol"])
    distances = chamfer_distances(data["ref_pcs"], data["sample_pcs"])
    torch.testing.assert_close(distances.min(1).values, data["mmd_dists"], rtol=1e-5, atol=1e-7)
    assert distances.argmin(0).tolist() == data["cov_match"].tolist()


def brute(first: torch.Tensor, second: torch.Tensor) -> float:
    squared = [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in second.tolist()] for p in first.tolist()]
    forward = sum(min(row) for row in squared) / len(first)
    return forward + sum(min(column) for column in zip(*squared, strict=True)) / len(second)


def test_against_brute_force() -> None:
    generator = torch.Generator().manual_seed(0)
    references = torch.rand(4, 7, 3, generator=generator, dtype=torch.float64)
    generated = torch.rand(5, 9, 3, generator=generator, dtype=torch.float64)
    expected = torch.tensor([[brute(a, b) for b in generated] for a in references])
    torch.testing.assert_close(chamfer_distances(references, generated), expected, check_dtype=False)
    everything = [*references, *generated]
    hits = 0
    for i, shape in enumerate(everything):
        others = [(brute(shape, other), j) for j, other in enumerate(everything) if j != i]
        hits += (min(others)[1] < 4) == (i < 4)
    assert shape_scores(references, generated).nearest_neighbour_accuracy == pytest.approx(hits / 9)


def test_sets_that_cannot_be_told_apart_and_sets_that_can() -> None:
    clouds = torch.rand(40, 64, 3, generator=torch.Generator().manual_seed(1))
    alike, apart = shape_scores(clouds[:20], clouds[20:]), shape_scores(clouds[:20], clouds[20:] * 0.5)
    assert alike.nearest_neighbour_accuracy < apart.nearest_neighbour_accuracy == 1
    assert alike.coverage > apart.coverage
    assert alike.minimum_matching_distance < apart.minimum_matching_distance


def test_blocks_of_clouds_and_close_points_against_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnif_core.evaluation.metrics.shapes.ROWS", 3)
    generator = torch.Generator().manual_seed(0)
    references = torch.rand(7, 200, 3, generator=generator)
    # points far closer to their neighbours than to the origin, where expanded squares cancel
    generated = torch.cat([references[:4] + 1e-4, torch.rand(4, 200, 3, generator=generator)])
    clouds = torch.cat([references, generated]).double()
    squared = (clouds[:, None, :, None] - clouds[None, :, None]).square().sum(-1)
    matrix = squared.min(2).values.mean(2) + squared.min(3).values.mean(2)
    across = matrix[:7, 7:]
    torch.testing.assert_close(chamfer_distances(references, generated), across.float(), rtol=1e-5, atol=1e-9)
    found = shape_scores(references, generated)
    assert found.coverage == len(across.argmin(0).unique()) / 7
    assert found.minimum_matching_distance == pytest.approx(float(across.min(1).values.mean()), rel=1e-5)
    own = matrix.clone().fill_diagonal_(torch.inf).argmin(1)
    same = (own < 7) == (torch.arange(15) < 7)
    assert found.nearest_neighbour_accuracy == pytest.approx(float(same.float().mean()))
