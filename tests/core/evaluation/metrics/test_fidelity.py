"""Feature distances against the authors' numbers and torch-fidelity's."""

import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from mnif_core.errors import ConfigError
from mnif_core.evaluation.metrics.fidelity import frechet_distance, manifold
from tests.golden_data import case_names, load_case, tensors


def test_golden_cases_are_there() -> None:
    assert case_names("f_")


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("name", case_names("f_"))
def test_golden_manifold(name: str, k: int) -> None:
    data = tensors(load_case(name)[1])
    ours = manifold(data["real"], data["fake"], k)
    for key in ("precision", "recall", "density", "coverage"):
        assert getattr(ours, key) == pytest.approx(float(data[f"{key}_k{k}"]), abs=1e-6)


@pytest.mark.parametrize("name", case_names("f_"))
def test_golden_frechet_distance(name: str) -> None:
    meta, arrays = load_case(name)
    data = tensors(arrays)
    ours = frechet_distance(data["real"], data["fake"])
    assert ours == pytest.approx(float(data["fid"]), rel=meta["tolerance"]["fid_rtol"])


def features(count: int, shift: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(32, 32, generator=torch.Generator().manual_seed(9)) / 4
    return torch.randn(count, 32, generator=generator).exp() @ mixing + shift


def test_frechet_distance_is_torch_fidelitys() -> None:
    real, generated = features(400, 0.0, 0), features(300, 0.2, 1)
    statistics = [fid_features_to_statistics(x) for x in (real, generated)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(real, generated) == pytest.approx(theirs, rel=1e-3)


def test_frechet_distance_where_covariances_are_singular() -> None:
    real, generated = features(20, 0.0, 0), features(20, 0.2, 1)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-4)
    assert frechet_distance(real, generated) > 1


def test_order_of_distances() -> None:
    real, again, far = features(300, 0.0, 0), features(300, 0.0, 1), features(300, 2.0, 2)
    assert frechet_distance(real, again) < frechet_distance(real, far)
    assert manifold(real, again).f1 > manifold(real, far).f1


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ConfigError, match="take more than 3"):
        manifold(torch.zeros(3, 2), torch.zeros(9, 2))


def test_blocks_do_not_change_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = features(70, 0.0, 0), features(50, 0.2, 1)
    whole = manifold(real, generated), frechet_distance(real, generated)
    monkeypatch.setattr("mnif_core.evaluation.metrics.fidelity.SIDE", 16)
    monkeypatch.setattr("mnif_core.evaluation.metrics.fidelity.ROWS", 16)
    assert manifold(real, generated) == whole[0]
    assert frechet_distance(real, generated) == pytest.approx(whole[1], rel=1e-9)
