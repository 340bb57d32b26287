"""The kernel distance against torch-fidelity's; its standard error against brute force and against repetition."""

import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from mnif_core.errors import ConfigError
from mnif_core.evaluation.metrics.kernel_distance import kernel_distance


def features(count: int, shift: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(16, 16, generator=torch.Generator().manual_seed(9)) / 4
    return torch.randn(count, 16, generator=generator) @ mixing + shift


def by_definition(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """Mean kernels of all pairs of different rows, less those across, in double precision."""

    def kernels(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return (torch.einsum("if,jf->ij", first.double(), second.double()) / first.shape[1] + 1.0).pow(3)

    def among(rows: torch.Tensor) -> torch.Tensor:
        return kernels(rows, rows)[~torch.eye(len(rows), dtype=torch.bool)].mean()

    return among(real) + among(generated) - 2 * kernels(real, generated).mean()


def test_it_is_torch_fidelitys() -> None:
    real, generated = features(200, 0.0, 0), features(200, 0.2, 1)
    theirs = kid_features_to_metric(real, generated, kid_subsets=1, kid_subset_size=200, verbose=False)
    assert kernel_distance(real, generated).value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)


@pytest.mark.parametrize("sizes", [(6, 9), (3, 3)])
def test_value_and_standard_error_against_their_definitions(sizes: tuple[int, int]) -> None:
    real, generated = features(sizes[0], 0.0, 0), features(sizes[1], 0.2, 1)
    found = kernel_distance(real, generated)
    assert found.value == pytest.approx(float(by_definition(real, generated)), rel=1e-9)
    without_real = [by_definition(torch.cat([real[:i], real[i + 1 :]]), generated) for i in range(len(real))]
    without_made = [by_definition(real, torch.cat([generated[:i], generated[i + 1 :]])) for i in range(len(generated))]
    variance = sum((len(left) - 1) * torch.stack(left).var(correction=0) for left in (without_real, without_made))
    assert found.standard_error == pytest.approx(float(torch.as_tensor(variance).sqrt()), rel=1e-9)


def test_standard_error_is_the_spread_of_other_sets_and_the_value_is_unbiased() -> None:
    found = [kernel_distance(features(40, 0.0, 2 * seed), features(40, 0.3, 2 * seed + 1)) for seed in range(100)]
    values = torch.tensor([one.value for one in found])
    assert float(torch.tensor([one.standard_error for one in found]).mean()) == pytest.approx(
        float(values.std()), rel=0.25
    )
    same = torch.tensor([kernel_distance(features(40, 0.0, s), features(40, 0.0, 1000 + s)).value for s in range(100)])
    assert abs(float(same.mean())) < 3 * float(same.std()) / 100**0.5
    assert float(same.min()) < 0


def test_blocks_do_not_change_it_and_rows_are_drawn_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = features(70, 0.0, 0), features(50, 0.2, 1)
    whole = kernel_distance(real, generated)
    monkeypatch.setattr("mnif_core.evaluation.metrics.kernel_distance.ENTRIES", 200)
    blocks = kernel_distance(real, generated)
    assert (blocks.value, blocks.standard_error) == pytest.approx((whole.value, whole.standard_error), rel=1e-9)
    drawn = kernel_distance(real, generated, limit=30)
    assert drawn == kernel_distance(real, generated, limit=30) != kernel_distance(real, generated, limit=30, seed=1)
    assert drawn.standard_error > whole.standard_error


def test_too_few_pictures_are_one_line() -> None:
    with pytest.raises(ConfigError, match="2 pictures have no kernel distance with a standard error; take 3 or more"):
        kernel_distance(torch.zeros(2, 4), torch.zeros(9, 4))
