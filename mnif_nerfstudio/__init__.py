"""nerfstudio plugin: many scenes in one mixture-SIREN, and new ones sampled from it."""

import warnings
from typing import Any

import numpy as np
import torch

# nerfstudio's own schedules leave numpy floats in checkpoints, which torch's safe loading refuses unless named
_scalar: Any = np.float64(0).__reduce__()[0]
torch.serialization.add_safe_globals([_scalar, np.dtype, type(np.dtype(np.float64))])

# nerfstudio 1.1.5 indexes tensors by lists, of which torch warns at every camera
warnings.filterwarnings("ignore", message="Using a non-tuple sequence")
