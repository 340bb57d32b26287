"""How alike the basis networks of a mixture are (Fig. 4), and a penalty that drives them apart.

Shape letters: l layers, m bases.
"""

import torch
from torch import Tensor

from mnif_core.networks.mixture import MixtureSiren


def basis_similarity(mixture: MixtureSiren) -> list[Tensor]:
    """|cosine| between the weights of all pairs of bases, per layer `[m, m]` in [0, 1], zero on the diagonal."""
    similarities = []
    for weight in mixture.basis_weights:
        flat = torch.nn.functional.normalize(weight.flatten(1), dim=1)
        similarities.append((flat @ flat.T).abs() * (1.0 - torch.eye(len(flat), device=flat.device)))
    return similarities


def orthogonality_loss(mixture: MixtureSiren) -> Tensor:
    """Mean squared cosine between different bases, over all layers; in [0, 1], 0 where all are orthogonal.

    The paper suggests such a loss (Sec. 5.3) and does not use it. One basis has no pairs, and gives 0.
    """
    pairs = max(1, mixture.config.num_bases * (mixture.config.num_bases - 1))
    return torch.stack([similarity.square().sum() / pairs for similarity in basis_similarity(mixture)]).mean()
