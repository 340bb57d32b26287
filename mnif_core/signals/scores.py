"""How well values of a field meet those of the data.

Shape letters: s instances, p points, k values.
"""

from torch import Tensor


def psnr(values: Tensor, targets: Tensor) -> Tensor:
    """PSNR in dB of each instance `[s]`, for values and targets `[s, p, k]` in [-1, 1] (not clamped, authors')."""
    error = ((values - targets) * 0.5).square().mean((1, 2))
    return -10.0 * error.clamp(min=1e-8).log10()
