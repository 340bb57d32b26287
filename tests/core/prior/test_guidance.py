"""Guidance: the same line between estimates of x_0 as between those of the noise, and its ends."""

import math

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import NoiseSchedule, sample_ddim, spread_timesteps
from mnif_core.prior.guidance import guided

SCHEDULE = NoiseSchedule.make("squared-cosine", 100)
LABELLED, PLAIN = torch.tensor([3.0, -1.0], dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)


def gaussian(mean: Tensor, variance: float):  # type: ignore[no-untyped-def]
    """The best estimate of x_0 of N(mean, variance), by Bayes."""

    def denoise(x: Tensor, timestep: int) -> Tensor:
        bar = float(SCHEDULE.alphas_cumprod[timestep])
        gain = variance * math.sqrt(bar) / (variance * bar + 1 - bar)
        return mean + gain * (x - math.sqrt(bar) * mean)

    return denoise


@pytest.mark.parametrize("guidance", [0.0, 0.3, 1.0, 2.0, 7.5])
@pytest.mark.parametrize("timestep", [0, 30, 99])
def test_it_is_the_line_between_noises(guidance: float, timestep: int) -> None:
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bar = SCHEDULE.alphas_cumprod[timestep]
    estimates = [gaussian(mean, 0.25)(x, timestep) for mean in (LABELLED, PLAIN)]
    with_label, without = ((x - bar.sqrt() * estimate) / (1 - bar).sqrt() for estimate in estimates)
    noise = without + guidance * (with_label - without)
    wanted = (x - (1 - bar).sqrt() * noise) / bar.sqrt()
    found = guided(gaussian(LABELLED, 0.25), gaussian(PLAIN, 0.25), guidance)(x, timestep)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6 / float(bar.sqrt()))


def test_at_its_ends_one_denoiser_alone_is_asked() -> None:
    def never(x: Tensor, timestep: int) -> Tensor:
        raise AssertionError

    labelled = gaussian(LABELLED, 0.25)
    assert guided(labelled, never, 1.0) is labelled
    assert guided(never, labelled, 0.0) is labelled


def test_samples_go_beyond_the_label_and_it_can_be_guided_again() -> None:
    chain = SCHEDULE.respaced(spread_timesteps(100, 50))
    start = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labelled, plain = gaussian(LABELLED, 0.25), gaussian(PLAIN, 1.0)
    drawn = {w: sample_ddim(guided(labelled, plain, w), start, chain) for w in (0.0, 1.0, 2.0)}
    for guidance, mean in ((0.0, PLAIN), (1.0, LABELLED)):
        torch.testing.assert_close(drawn[guidance].mean(0), mean, atol=0.1, rtol=0)
    way = (LABELLED - PLAIN) / (LABELLED - PLAIN).norm()
    along = [float(((drawn[w] - PLAIN) @ way).mean()) for w in (0.0, 1.0, 2.0)]
    assert along == sorted(along) and along[2] > 1.05 * along[1]
    assert float(drawn[2.0].std(0).mean()) < float(drawn[1.0].std(0).mean()), "less varied"
    twice = guided(guided(labelled, plain, 2.0), plain, 0.5)
    torch.testing.assert_close(twice(start, 20), labelled(start, 20))


@pytest.mark.parametrize("guidance", [-0.1, math.inf, math.nan])
def test_guidance_of_no_sense_is_one_line(guidance: float) -> None:
    with pytest.raises(ConfigError, match="guidance is .*; choose 0") as caught:
        guided(gaussian(LABELLED, 1.0), gaussian(PLAIN, 1.0), guidance)
    assert "\n" not in str(caught.value)
