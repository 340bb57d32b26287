"""How unlike the pictures of a set are.

Shape letters: n pictures, f features.
"""

import torch
from torch import Tensor


def mean_pairwise_distance(features: Tensor) -> float:
    """Mean Euclidean distance between two different rows of features `[n, f]`; 0 for fewer than two."""
    count = len(features)
    if count < 2:
        return 0.0
    return float(torch.cdist(features.double(), features.double()).sum()) / (count * (count - 1))
