"""The examples in the docstrings of the public API run."""

import doctest
from types import ModuleType

import pytest

import mnif_core
from mnif_core import generative_field
from mnif_core.prior import bootstrap, diffusion, gaussian_mixture, labels, latent_prior

MODULES = [mnif_core, generative_field, diffusion, latent_prior, gaussian_mixture, bootstrap, labels]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0, "no examples"
    assert result.failed == 0
