"""Whether samples are new, or copies of training instances, in whatever space both are points."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

ENTRIES = 1 << 24  # of a distance matrix held at once: bounds memory
ROWS = 4096  # of it at most: points have as many numbers as a picture has features
COPIES = 0.4  # novelty ratio, below which samples are copies of training instances


def nearest(points: Tensor, among: Tensor) -> Tensor:
    """Which of `among` `[s, h]` each of `points` `[n, h]` lies nearest to: `[n]`."""
    return torch.cat([torch.cdist(rows, among).argmin(1) for rows in points.split(_rows(among))])


def distances(points: Tensor, among: Tensor) -> Tensor:
    """Distance of each of `points` `[n, h]` to the nearest of `among` `[s, h]`: `[n]`, exactly 0 for a copy."""
    found = [(rows - among[nearest(rows, among)]).norm(dim=1) for rows in points.split(_rows(among))]
    return torch.cat(found)


def sample_novelty(samples: Tensor, training: Tensor) -> dict[str, float]:
    """How far samples `[n, h]` lie from training instances `[s, h]`: a copy has distance 0.

    Returns:
        Medians of the distance of a sample, and of a training instance, to the nearest (other) training instance, and
        the first over the second. Nothing where there is but one training instance.
    """
    if len(training) < 2:
        return {}
    to_train = distances(samples, training).median()
    between = []
    for start in range(0, len(training), _rows(training)):
        block = torch.cdist(training[start : start + _rows(training)], training)
        rows = torch.arange(len(block), device=block.device)
        block[rows, start + rows] = math.inf
        between.append(block.min(1).values)
    spread = torch.cat(between).median()
    return {
        "sample_distance": float(to_train),
        "train_distance": float(spread),
        "novelty_ratio": float(to_train / spread),
    }


def copying(novelty: Mapping[str, Any]) -> str | None:
    """One line that says so, if samples of `sample_novelty` are copies."""
    ratio = novelty.get("novelty_ratio")
    if ratio is None or ratio >= COPIES:
        return None
    return (
        f"samples copy the training set: they lie {ratio:.2f} times as far from training instances as these do from "
        "each other; train on more instances, or with another prior"
    )


def _rows(columns: Tensor) -> int:
    return max(1, min(ROWS, ENTRIES // len(columns)))
