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
    labels: Tensor | None
    """Numbers `[batch]`, that of none where they are left out. None: scenes have none."""
