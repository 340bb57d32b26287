"""Gaussians with full covariances, fitted to points by expectation-maximisation in float64.

Few points do not say what d^2 numbers of each component are. So every covariance is shrunk towards the mean of all
components' as if that had been seen in d more points (after Friedman's regularised discriminant analysis, 1989), and a
small share of the unit matrix is added: points are standardised.
Shape letters: n points, c components, d dimensions.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

RIDGE = 1e-3  # of a dimension's variance, added to every covariance
STEPS, TOLERANCE = 200, 1e-4  # of expectation-maximisation: at most, and gain in nats a point that ends it
LLOYD_STEPS = 10  # of k-means, where components start
FOLDS, MOST = 5, 16  # parts of the points that are held out in turn, and components that are tried at most


class Gaussians(NamedTuple):
    """A mixture: shares `[c]` of sum 1, means `[c, d]`, lower triangular factors `[c, d, d]` of covariances."""

    shares: Tensor
    means: Tensor
    factors: Tensor


def fit_gaussians(points: Tensor, components: int, generator: torch.Generator) -> Gaussians:
    """The mixture of `points` `[n, d]`, standardised, float64; components start where k-means ends."""
    nearest = _k_means(points, components, generator)
    belongs = torch.nn.functional.one_hot(nearest, components).to(points)
    before = -math.inf
    for _ in range(STEPS):
        found = gaussians_of(points, belongs)
        joint = log_joint(found, points)
        now = float(joint.logsumexp(1).mean())
        if now - before < TOLERANCE:
            break
        belongs, before = joint.softmax(1), now
    return found


def gaussians_of(points: Tensor, belongs: Tensor) -> Gaussians:
    """The mixture of points `[n, d]` whose components have `belongs` `[n, c]` of each, in [0, 1]."""
    (count, dim), sums = points.shape, belongs.sum(0).clamp(min=1e-12)
    means = (belongs.T @ points) / sums[:, None]
    scatter = torch.stack(
        [
            ((points - mean) * own[:, None]).T @ (points - mean)
            for mean, own in zip(means, belongs.unbind(1), strict=True)
        ]
    )
    shared = scatter.sum(0) / count
    covariances = (scatter + dim * shared) / (sums + dim)[:, None, None]
    covariances = covariances + RIDGE * torch.eye(dim, dtype=points.dtype, device=points.device)
    return Gaussians(sums / sums.sum(), means, torch.linalg.cholesky(covariances))


def log_density(gaussians: Gaussians, points: Tensor) -> Tensor:
    """Log p of `points` `[n, d]`: `[n]`."""
    return log_joint(gaussians, points).logsumexp(1)


def choose_components(points: Tensor, seed: int) -> int:
    """How many components points `[n, d]` that were held out are likeliest under: 1, 2, 4, ... until it is no more.

    A component has at least d points in the mean.
    """
    count, dim = points.shape
    folds = min(FOLDS, count)
    fold = torch.randperm(count, generator=torch.Generator().manual_seed(seed), device="cpu") % folds
    best, likeliest = 1, -math.inf
    components = 1
    while components <= min(MOST, count * (folds - 1) // folds // max(1, dim)) or components == 1:
        held_out = []
        for part in range(folds if folds > 1 else 0):
            generator = torch.Generator().manual_seed(seed)
            found = fit_gaussians(points[fold != part], components, generator)
            held_out.append(log_density(found, points[fold == part]))
        likelihood = float(torch.cat(held_out).mean()) if held_out else 0.0
        if likelihood <= likeliest:
            break
        best, likeliest = components, likelihood
        components *= 2
    return best


def log_joint(gaussians: Gaussians, points: Tensor) -> Tensor:
    """Log (w_c N(x; m_c, S_c)): `[n, c]`."""
    parts = []
    for share, mean, factor in zip(*gaussians, strict=True):
        white = torch.linalg.solve_triangular(factor, (points - mean).T, upper=False)
        norm = factor.diagonal().log().sum() + 0.5 * len(mean) * math.log(2 * math.pi)
        parts.append(share.log() - norm - 0.5 * white.square().sum(0))
    return torch.stack(parts, 1)


def _k_means(points: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """Cluster `[n]` of each point; centres start far apart (k-means++, Arthur & Vassilvitskii 2007)."""
    centres = points[torch.randint(len(points), (1,), generator=generator, device="cpu")]
    while len(centres) < clusters:
        squared = torch.cdist(points, centres).min(1).values.square()
        odds = squared if float(squared.sum()) > 0 else torch.ones_like(squared)  # all are duplicates of centres
        centres = torch.cat([centres, points[torch.multinomial(odds, 1, generator=generator)]])
    for _ in range(LLOYD_STEPS):
        nearest = torch.cdist(points, centres).argmin(1)
        kept = [points[nearest == i].mean(0) if bool((nearest == i).any()) else centres[i] for i in range(clusters)]
        centres = torch.stack(kept)
    return torch.cdist(points, centres).argmin(1)
