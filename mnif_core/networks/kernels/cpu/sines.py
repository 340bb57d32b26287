"""The sines that there are for tiles: torch's own, and those that numba compiles."""

import functools
from typing import Protocol

import torch
from torch import Tensor


class Sines(Protocol):
    """Sines of tensors of one type. Neither tensor overlaps the other; the rows of each are in one piece."""

    def sine(self, angles: Tensor, out: Tensor) -> None:
        """Into `out`."""
        ...

    def sine_and_cosine(self, angles: Tensor, out: Tensor) -> None:
        """Sines into `out`; what were angles become their cosines."""
        ...


class TorchSines:
    """torch's own, of any floating type."""

    def sine(self, angles: Tensor, out: Tensor) -> None:
        """See `Sines.sine`."""
        torch.sin(angles, out=out)

    def sine_and_cosine(self, angles: Tensor, out: Tensor) -> None:
        """See `Sines.sine_and_cosine`."""
        torch.sin(angles, out=out)
        angles.cos_()


TORCH = TorchSines()


@functools.cache
def compiled_sines() -> Sines | None:
    """Those of float32 that numba compiles; none where it cannot."""
    try:
        from mnif_core.networks.kernels.cpu.compiled_sines import CompiledSines
    except Exception:  # numba fails in many ways on what it does not know, and torch's sine is always there
        return None
    return CompiledSines()
