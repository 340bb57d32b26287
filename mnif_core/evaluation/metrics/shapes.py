"""Distances between two sets of shapes, each shape a cloud of surface points.

Shape letters: n reference shapes, s generated shapes, p points (q of the other set).
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from rich.progress import track
from scipy.spatial import KDTree
from torch import Tensor

POINTS = 2048  # of the surface of each shape
ROWS = 32  # clouds that are compared with all others at once: bounds memory


def chamfer_distances(first: Tensor, second: Tensor) -> Tensor:
    """Chamfer distance of every pair: mean squared distance to the nearest point, both directions added.

    Args:
        first: `[n, p, 3]`.
        second: `[s, q, 3]`.

    Returns:
        `[n, s]`, of `first`'s type.
    """
    if first.device.type == "cuda":
        return torch.stack([_brute(cloud, second) for cloud in first])
    ours, theirs = ([KDTree(cloud) for cloud in clouds.numpy()] for clouds in (first, second))

    def row(index: int) -> list[float]:
        forward = [(tree.query(first[index].numpy())[0] ** 2).mean() for tree in theirs]
        backward = [(ours[index].query(cloud)[0] ** 2).mean() for cloud in second.numpy()]
        return [there + back for there, back in zip(forward, backward, strict=True)]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return torch.tensor(list(pool.map(row, range(len(first)))), dtype=first.dtype)


def _brute(cloud: Tensor, others: Tensor) -> Tensor:
    """One row `[s]`, pair by pair and without the expansion of squares, which cancels near 0."""
    found = []
    for other in others:
        squared = torch.cdist(cloud, other, compute_mode="donot_use_mm_for_euclid_dist").square()
        found.append(squared.min(0).values.mean() + squared.min(1).values.mean())
    return torch.stack(found)


@dataclass(frozen=True)
class ShapeScores:
    """How two sets of shapes agree.

    Attributes:
        coverage: share of reference shapes that are some generated shape's nearest (COV), in [0, 1].
        minimum_matching_distance: mean over reference shapes of the distance to the nearest generated one (MMD).
        nearest_neighbour_accuracy: share of all shapes whose nearest other shape is of their own set (1-NNA); 0.5 is
            best, 1 says that the sets can be told apart. Only for sets of one size.
    """

    coverage: float
    minimum_matching_distance: float
    nearest_neighbour_accuracy: float


def shape_scores(references: Tensor, generated: Tensor) -> ShapeScores:
    """COV, MMD (Achlioptas et al. 2018) and 1-NNA (Yang et al. 2019) of clouds `[n, p, 3]` and `[s, p, 3]`.

    Under the Chamfer distance. No matrix of all pairs is ever held.
    """
    matching, covering, matched = references.new_full((len(references),), torch.inf), None, None
    for start, block in _blocks(references, generated, "Samples and references"):
        matching[start : start + len(block)] = block.min(1).values
        values, rows = block.min(0)
        if covering is None or matched is None:
            covering, matched = values, rows
        else:
            matched = torch.where(values < covering, rows + start, matched)
            covering = torch.minimum(covering, values)
    assert covering is not None and matched is not None
    own = torch.cat([_among(references, "References"), _among(generated, "Samples")])
    return ShapeScores(
        len(matched.unique()) / len(references),
        float(matching.mean()),
        float((own < torch.cat([matching, covering])).float().mean()),
    )


def _among(clouds: Tensor, what: str) -> Tensor:
    """Distance of every cloud to the nearest other one of its set `[n]`; each pair is compared once."""
    nearest = clouds.new_full((len(clouds),), torch.inf)
    for start, block in _blocks(clouds, None, what):
        block.fill_diagonal_(torch.inf)
        rows, columns = nearest[start : start + len(block)], nearest[start:]
        torch.minimum(columns, block.min(0).values, out=columns)
        torch.minimum(rows, block.min(1).values, out=rows)
    return nearest


def _blocks(first: Tensor, second: Tensor | None, what: str) -> Iterator[tuple[int, Tensor]]:
    """Rows of a matrix of distances, with the number of the first; of `first` to itself from the diagonal on."""
    starts = range(0, len(first), ROWS)
    for start in track(starts, f"Distances: {what}", total=len(starts), transient=True):
        rows = first[start : start + ROWS]
        yield start, chamfer_distances(rows, first[start:] if second is None else second)
