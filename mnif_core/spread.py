"""Some of many, evenly spread."""

import torch
from torch import Tensor


def spread_indices(total: int, most: int) -> Tensor:
    """Positions `[n]` of all of `total` things, or of `most` of them, evenly spread with both ends included."""
    return torch.linspace(0, total - 1, min(total, most)).round().long()
