"""Guidance: a denoiser is followed beyond where another, less informed one would go.

Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598) sets a denoiser that knows a label against one that does
not. Everywhere here its strength is the w of e_w = e + w (e(label) - e), with e the estimate of the noise without a
label: 0 leaves the label out, 1 follows the label's own distribution, and more makes samples more typical of the label
and less varied. (Theirs is w - 1.)
"""

import math

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import Denoise

GUIDANCE = 2.0
"""Of samples that are asked for by label, where nothing else is said."""


def require_guidance(guidance: float) -> None:
    """Refuse guidance that is negative or not finite.

    Raises:
        ConfigError: it is.
    """
    if not 0.0 <= guidance < math.inf:
        raise ConfigError(f"guidance is {guidance:g}; choose 0 (the label left out), 1 (as learned) or more")


def guided(informed: Denoise, plain: Denoise, guidance: float) -> Denoise:
    """The denoiser that goes `guidance` times the way from `plain` to `informed`.

    At one x_t the noise and x_0 follow from each other by an affine map, so the line between two estimates of x_0 is
    the line between their noises.

    Args:
        informed: estimate of x_0, for instance with a label.
        plain: another, for instance without.
        guidance: w, see above.

    Raises:
        ConfigError: guidance that is negative or not finite.
    """
    require_guidance(guidance)
    if guidance == 1.0:
        return informed
    if guidance == 0.0:
        return plain

    def between(x: Tensor, timestep: int) -> Tensor:
        return torch.lerp(plain(x, timestep), informed(x, timestep), guidance)

    return between
