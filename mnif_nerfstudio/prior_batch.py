"""What one step of stage 2 learns from."""

from typing import NamedTuple

from torch import Tensor


class PriorBatch(NamedTuple):
    """One step of stage 2."""

    scenes: Tensor
    """Whose latents, `[batch]`."""
    timesteps: Tensor
    """`[batch]`."""
    noise: Tensor
    """`[batch, h]`."""
