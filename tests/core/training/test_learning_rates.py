"""Rates of a mixture follow from its shape; those of the demo sets' shapes are the ones that were found for them."""

import pytest

from mnif_core.networks.mixture import MixtureConfig
from mnif_core.training.learning_rates import bases_rate, latents_rate, projection_rate


@pytest.mark.parametrize(
    ("bases", "latents", "w0", "expected"),
    [
        (32, 16, 10.0, (4.2e-3, 4.0e-3, 1e-2)),
        (64, 64, 30.0, (1.0e-3, 1.4e-3, 1e-2)),
        (64, 64, 10.0, (3.0e-3, 1.4e-3, 1e-2)),
        (256, 128, 10.0, (1.5e-3, 5.0e-4, 1.8e-3)),
        (256, 128, 30.0, (5.0e-4, 5.0e-4, 1.8e-3)),
    ],
)
def test_rates(bases: int, latents: int, w0: float, expected: tuple[float, float, float]) -> None:
    config = MixtureConfig(3, 1, 2, 64, bases, latents, w0=w0)
    found = bases_rate(config), projection_rate(config), latents_rate(config, 1e-2)
    assert found == pytest.approx(expected, rel=0.02)
