"""Products of few rows, cut among cores, against plain ones in double precision."""

import pytest
import torch
from torch import Tensor

from mnif_core.networks.kernels.cpu import mixing
from mnif_core.networks.kernels.cpu.mixing import by_bases, by_coefficients, mixed

SIZES = [(2, 256, 1024), (4, 256, 2048), (8, 384, 1024), (16, 256, 1024), (3, 260, 1024)]


@pytest.mark.parametrize("instances, bases, numbers", SIZES)
def test_cut_products_are_the_plain_ones(instances: int, bases: int, numbers: int) -> None:
    generator = torch.Generator().manual_seed(0)
    alphas = torch.randn(instances, bases, generator=generator)
    basis, averages = (torch.randn(n, numbers, generator=generator) for n in (bases, instances))
    assert _was_cut(mixed(alphas.requires_grad_(), basis))
    cases = [
        (mixed(alphas, basis), alphas.double() @ basis.double()),
        (by_coefficients(averages, basis), averages.double() @ basis.double().T),
        (by_bases(alphas, averages), alphas.double().T @ averages.double()),
    ]
    for found, expected in cases:
        assert torch.allclose(found.double(), expected, rtol=1e-5, atol=1e-3)


def test_one_instance_small_bases_and_uneven_ones_are_not_cut() -> None:
    for instances, bases, numbers in [(1, 256, 1024), (4, 64, 1024), (4, 256, 1030), (17, 256, 1024)]:
        alphas, basis = torch.ones(instances, bases, requires_grad=True), torch.ones(bases, numbers)
        found = mixed(alphas, basis)
        assert not _was_cut(found)
        assert torch.equal(found, alphas @ basis)


def test_first_and_second_gradients_meet_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "LARGE", 1)
    monkeypatch.setattr(mixing, "COLUMNS", 4)
    generator = torch.Generator().manual_seed(1)
    alphas, basis, averages = (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 8), (8, 12), (2, 12))
    )
    assert _was_cut(mixed(alphas, basis))
    pairs = [(mixed, (alphas, basis)), (by_coefficients, (averages, basis)), (by_bases, (alphas, averages))]
    for product, inputs in pairs:
        assert torch.autograd.gradcheck(product, inputs)
        assert torch.autograd.gradgradcheck(product, inputs)


def _was_cut(found: Tensor) -> bool:
    return "Mixed" in type(found.grad_fn).__name__
