"""Latents as a plain numpy archive."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from mnif_core.files.atomic import whole_file


def write_latents(names: Sequence[str], latents: Tensor, path: Path) -> None:
    """Write `names` (text `[s]`) and `latents` (float32 `[s, h]`) as `.npz` that numpy loads without pickle.

    Raises:
        OutputError: the place cannot be written to.
    """
    with whole_file(path) as scratch:
        np.savez(scratch, names=np.array(list(names), dtype=np.str_), latents=latents.float().cpu().numpy())
