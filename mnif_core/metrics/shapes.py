"""Distances between two sets of shapes, each shape a cloud of surface points.

Shape letters: r reference shapes, g generated shapes, p points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

POINTS = 2048
CLOUDS = 16  # pairs of clouds compared at once: bounds memory


def chamfer_distances(first: Tensor, second: Tensor) -> Tensor:
    """Chamfer distance of every pair: mean squared distance to the nearest point, both directions added.

    Args:
        first: `[r, p, 3]`.
        second: `[g, q, 3]`.

    Returns:
        `[r, g]`.
    """
    rows = []
    for cloud in first:
        parts = []
        for others in second.split(CLOUDS):
            squared = torch.cdist(cloud.expand(len(others), -1, -1), others).square()
            parts.append(squared.min(1).values.mean(1) + squared.min(2).values.mean(1))
        rows.append(torch.cat(parts))
    return torch.stack(rows)


@dataclass(frozen=True)
class ShapeScores:
    """How two sets of shapes agree.

    Attributes:
        coverage: share of reference shapes that are some generated shape's nearest (COV), in [0, 1].
        minimum_matching_distance: mean over reference shapes of the distance to the nearest generated one (MMD).
        nearest_neighbour_accuracy: share of all shapes whose nearest other shape is of their own set (1-NNA); 0.5 is
            best, 1 says that the sets can be told apart.
    """

    coverage: float
    minimum_matching_distance: float
    nearest_neighbour_accuracy: float


def shape_scores(references: Tensor, generated: Tensor) -> ShapeScores:
    """COV, MMD and 1-NNA of clouds `[r, p, 3]` and `[g, p, 3]` under the Chamfer distance (Achlioptas et al. 2018)."""
    across = chamfer_distances(references, generated)
    among_references, among_generated = (
        chamfer_distances(x, x).fill_diagonal_(torch.inf) for x in (references, generated)
    )
    own = torch.cat([among_references.min(1).values, among_generated.min(1).values])
    other = torch.cat([across.min(1).values, across.min(0).values])
    return ShapeScores(
        len(across.argmin(0).unique()) / len(references),
        float(across.min(1).values.mean()),
        float((own < other).float().mean()),
    )
