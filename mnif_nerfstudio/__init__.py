"""nerfstudio plugin: many scenes in one mixture-SIREN, and new ones sampled from it."""

import sys
import warnings
from types import TracebackType
from typing import Any

import numpy as np
import torch

from mnif_core.errors import MnifError

# nerfstudio's own schedules leave numpy floats in checkpoints, which torch's safe loading refuses unless named
_scalar: Any = np.float64(0).__reduce__()[0]
torch.serialization.add_safe_globals([_scalar, np.dtype, type(np.dtype(np.float64))])

# nerfstudio 1.1.5 indexes tensors by lists, of which torch warns at every camera
warnings.filterwarnings("ignore", message="Using a non-tuple sequence")

_previous_hook = sys.excepthook


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what a user can mend as one line; everything else as before."""
    if issubclass(kind, MnifError):
        print(f"{kind.__name__}: {error}", file=sys.stderr)
    else:
        _previous_hook(kind, error, trace)


sys.excepthook = _one_line
