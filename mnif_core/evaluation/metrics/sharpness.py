"""Sharpness of pictures: how much of the finest detail of real ones they have.

Shape letters: n pictures.
"""

import torch
from torch import Tensor

LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue (ITU-R BT.709)
UPPER = (0.25, 0.5)  # upper half of the frequencies, in cycles a pixel


def sharpness(made: Tensor, real: Tensor) -> float:
    """Power of fine detail in made pictures over that in real ones `[n, height, width, 3]`: 1 is as sharp as real.

    Below 1 is blur, above 1 noise or aliasing. Only pictures of one size may be compared.
    """
    return power_ratio(fine_power(made), fine_power(real))


def power_ratio(made: Tensor, real: Tensor) -> float:
    """Of what `fine_power` gave; where real pictures have no detail at all, 1 if made ones have none, else infinite."""
    ours, theirs = float(made.mean()), float(real.mean())
    return ours / theirs if theirs > 0 else (1.0 if ours == 0 else float("inf"))


def fine_power(pictures: Tensor) -> Tensor:
    """Mean of the radially averaged power spectrum of luminance in the upper half of frequencies, `[n]`.

    Rings are a cycle a picture wide and count alike, whatever the number of frequencies in each. The mean luminance is
    taken away and a Hann window laid over, so that opposite sides need not match.

    Args:
        pictures: `[n, height, width, 3]` in [0, 1], at least 4 pixels a side.

    Returns:
        In double precision.
    """
    height, width = pictures.shape[1:3]
    luminance = pictures.double() @ torch.tensor(LUMINANCE, dtype=torch.float64, device=pictures.device)
    centred = luminance - luminance.mean((1, 2), keepdim=True)
    windows = [torch.hann_window(side, periodic=False, dtype=torch.float64) for side in (height, width)]
    window = torch.outer(*windows).to(pictures.device)
    power = torch.fft.fft2(centred * window).abs().square() / (height * width)
    rows, columns = (torch.fft.fftfreq(side, dtype=torch.float64, device=pictures.device) for side in (height, width))
    radius = torch.hypot(rows[:, None], columns[None, :])
    rings = (radius * min(height, width)).round().long()
    inside = (radius >= UPPER[0]) & (radius <= UPPER[1])
    chosen = rings[inside]
    counts = torch.bincount(chosen)
    sums = power.new_zeros(len(power), len(counts)).index_add_(1, chosen, power[:, inside])
    return (sums[:, counts > 0] / counts[counts > 0]).mean(1)
