"""Distances between two sets of feature vectors: FID, precision and recall, density and coverage.

Shape letters: n real, s generated, f features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.errors import ConfigError

SIDE = 4096  # of a square of a distance matrix held at once: bounds memory
ROWS = 4096  # of features in double precision at once


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Distance of two normal distributions with the sets' means and unbiased covariances (Heusel et al. 2017).

    It is a Frechet *Inception* Distance only for features of the Inception network that FID is defined with.

    Args:
        real: `[n, f]`, n at least 2.
        generated: `[s, f]`, s at least 2.

    Returns:
        At least 0, up to rounding.
    """
    (first_mean, first), (second_mean, second) = _moments(real), _moments(generated)
    # the trace of the root of a product is the sum of the roots of its eigenvalues, which are real and not negative
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    trace = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return float((first_mean - second_mean).square().sum() + first.trace() + second.trace() - 2 * trace)


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `[f]` and unbiased covariance `[f, f]` in double precision, block by block."""
    mean = sum(rows.double().sum(0) for rows in features.split(ROWS)) / len(features)
    scatter = torch.zeros(features.shape[1], features.shape[1], dtype=torch.float64, device=features.device)
    for rows in features.split(ROWS):
        centred = rows.double() - mean
        scatter += centred.T @ centred
    return torch.as_tensor(mean), scatter / (len(features) - 1)


@dataclass(frozen=True)
class Manifold:
    """How two sets cover each other, each in [0, 1], density in [0, n/k].

    Attributes:
        precision: share of generated points inside a ball around a real one (Kynkaanniemi et al. 2019).
        recall: share of real points inside a ball around a generated one.
        density: balls of real points that a generated point lies in, over k, in the mean (Naeem et al. 2020).
        coverage: share of real points whose ball holds a generated one.
    """

    precision: float
    recall: float
    density: float
    coverage: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 where both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def manifold(real: Tensor, generated: Tensor, k: int = 3) -> Manifold:
    """Precision, recall, density and coverage with balls that reach the k-th nearest neighbour.

    Args:
        real: `[n, f]`, n above k.
        generated: `[s, f]`, s above k.
        k: neighbour, the point itself not counted.

    Raises:
        ConfigError: too few points for k.
    """
    if min(len(real), len(generated)) <= k:
        raise ConfigError(f"{min(len(real), len(generated))} points have no {k}-th neighbour; take more than {k}")
    real_radius, generated_radius = _radii(real, k), _radii(generated, k)
    balls = torch.zeros(len(generated), device=real.device)
    recalled, covered = (torch.zeros(len(real), dtype=torch.bool, device=real.device) for _ in range(2))
    for rows, columns, distances in _squares(real, generated):
        inside = distances < real_radius[rows].unsqueeze(1)
        balls[columns] += inside.sum(0)
        covered[rows] |= inside.any(1)
        recalled[rows] |= (distances < generated_radius[columns]).any(1)
    return Manifold(
        float((balls > 0).float().mean()),
        float(recalled.float().mean()),
        float(balls.mean()) / k,
        float(covered.float().mean()),
    )


def _radii(points: Tensor, k: int) -> Tensor:
    """Distance of every point to its k-th nearest other `[n]`."""
    nearest = points.new_full((len(points), k + 1), torch.inf)
    for rows, _, distances in _squares(points, points):
        found = distances.topk(min(k + 1, distances.shape[1]), dim=1, largest=False).values
        nearest[rows] = torch.cat([nearest[rows], found], 1).topk(k + 1, dim=1, largest=False).values
    return nearest.amax(1)


def _squares(first: Tensor, second: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """The distances of all pairs of rows, a square of the matrix after the other, with where it lies in it."""
    rows, columns = (
        [slice(start, start + SIDE) for start in range(0, len(points), SIDE)] for points in (first, second)
    )
    places = list(product(rows, columns))
    for row, column in track(places, "Neighbours", transient=True, disable=len(places) == 1):
        yield row, column, torch.cdist(first[row], second[column])
