"""Sharpness against loops over frequencies, and what blur and noise do to it."""

import math

import pytest
import torch
from torch import Tensor

from mnif_core.evaluation.metrics.sharpness import fine_power, power_ratio, sharpness


def pictures(count: int = 3, height: int = 16, width: int = 16) -> Tensor:
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(0))


def by_definition(picture: Tensor) -> float:
    """Of one picture `[height, width, 3]`, by the Fourier sum itself."""
    height, width = picture.shape[:2]
    grey = picture.double() @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    rows, columns = torch.arange(height).double(), torch.arange(width).double()
    hann = [0.5 - 0.5 * torch.cos(2 * math.pi * axis / (len(axis) - 1)) for axis in (rows, columns)]
    grey = (grey - grey.mean()) * hann[0][:, None] * hann[1][None, :]
    rings: dict[int, list[float]] = {}
    for i in range(height):
        for j in range(width):
            down = (i if i < height / 2 else i - height) / height
            right = (j if j < width / 2 else j - width) / width
            radius = math.hypot(down, right)
            if 0.25 <= radius <= 0.5:
                wave = torch.exp(-2j * math.pi * (down * rows[:, None] + right * columns[None, :]))
                power = float((grey * wave).sum().abs() ** 2) / (height * width)
                rings.setdefault(round(radius * min(height, width)), []).append(power)
    return sum(sum(ring) / len(ring) for ring in rings.values()) / len(rings)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (10, 15)])
def test_power_against_its_definition(height: int, width: int) -> None:
    made = pictures(2, height, width)
    torch.testing.assert_close(fine_power(made), torch.tensor([by_definition(p) for p in made], dtype=torch.float64))


def test_real_pictures_are_as_sharp_as_themselves_whatever_their_brightness() -> None:
    real = pictures()
    assert sharpness(real, real) == 1.0
    assert sharpness(real + 0.3, real) == pytest.approx(1.0, rel=1e-6)
    assert sharpness(real * 0.5, real) == pytest.approx(0.25)
    assert sharpness(real.flip(2), real) == pytest.approx(1.0)


def test_blur_is_below_one_and_noise_above() -> None:
    smooth = torch.nn.functional.interpolate(pictures(3, 6, 6).permute(0, 3, 1, 2), (32, 32), mode="bicubic")
    real = smooth.permute(0, 2, 3, 1) + 0.02 * pictures(3, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(real.permute(0, 3, 1, 2), 3, 1, 1).permute(0, 2, 3, 1)
    noisy = real + 0.1 * torch.randn(real.shape, generator=torch.Generator().manual_seed(1))
    assert sharpness(blurred, real) < 0.5 < 1.5 < sharpness(noisy, real)


@pytest.mark.parametrize(("cycles", "fine"), [(2, False), (5, False), (10, True), (14, True)])
def test_only_the_upper_half_of_frequencies_counts(cycles: int, fine: bool) -> None:
    wave = 0.5 + 0.5 * torch.sin(2 * math.pi * cycles * torch.arange(32) / 32)
    picture = wave[None, None, :, None].expand(1, 32, 32, 3)
    assert (float(fine_power(picture)) > 0.01) == fine


@pytest.mark.parametrize(("made", "real", "ratio"), [(0.0, 0.0, 1.0), (1.0, 0.0, math.inf), (1.0, 4.0, 0.25)])
def test_pictures_without_detail(made: float, real: float, ratio: float) -> None:
    assert power_ratio(torch.tensor([made]), torch.tensor([real])) == ratio
