"""Kernel distance of two sets of feature vectors (KID), and how sure it is.

Shape letters: n real, s generated, f features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnif_core.errors import ConfigError

LIMIT = 5000  # rows of a set that are compared: 25 million pairs, whose error is far below any difference of interest
FEWEST = 3  # rows of a set: with one left out, there must be a pair
ENTRIES = 1 << 22  # of a kernel matrix held at once: bounds memory


@dataclass(frozen=True)
class KernelDistance:
    """A squared maximum mean discrepancy.

    Attributes:
        value: unbiased, so that it lies around 0 for two sets of one kind, whatever their sizes, and may be negative.
        standard_error: of the value, from other sets of the same kinds and sizes.
    """

    value: float
    standard_error: float


def kernel_distance(real: Tensor, generated: Tensor, limit: int = LIMIT, seed: int = 0) -> KernelDistance:
    """Unbiased squared MMD with the kernel (x y / f + 1)^3 over all pairs (KID, Binkowski et al. 2018).

    All pairs give the number that the mean over random subsets approaches (arXiv 1801.01401). The standard error is the
    jackknife's of a U-statistic of two samples (Arvesen 1969): each row is left out once, which sums of kernels tell.

    Args:
        real: `[n, f]`, n at least 3.
        generated: `[s, f]`, s at least 3.
        limit: rows of each that are compared at most, drawn at random.
        seed: of that draw.

    Raises:
        ConfigError: fewer than 3 rows.
    """
    if min(len(real), len(generated)) < FEWEST:
        raise ConfigError(
            f"{min(len(real), len(generated))} pictures have no kernel distance with a standard error; "
            f"take {FEWEST} or more"
        )
    first, second = _drawn(real, limit, seed), _drawn(generated, limit, seed)
    among_first, among_second = _others(first), _others(second)
    of_first, of_second = _sums(first, second)
    n, s = len(first), len(second)
    same = among_first.sum() / (n * (n - 1)) + among_second.sum() / (s * (s - 1))
    value = same - 2 * of_first.sum() / (n * s)
    variance = _jackknife(among_first, of_first, s) + _jackknife(among_second, of_second, n)
    return KernelDistance(float(value), float(variance.sqrt()))


def _drawn(features: Tensor, limit: int, seed: int) -> Tensor:
    if len(features) <= limit:
        return features.double()
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    return features[order[:limit].to(features.device)].double()


def _others(features: Tensor) -> Tensor:
    """Sum of each row's kernels with all other rows of its set `[n]`."""
    return _sums(features, features)[0] - _kernel(features.square().sum(1), features.shape[1])


def _sums(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the kernels of all pairs, by rows of the one `[n]` and by rows of the other `[s]`."""
    by_first, by_second = [], torch.zeros(len(second), dtype=torch.float64, device=second.device)
    for rows in first.split(max(1, ENTRIES // len(second))):
        kernels = _kernel(rows @ second.T, first.shape[1])
        by_first.append(kernels.sum(1))
        by_second += kernels.sum(0)
    return torch.cat(by_first), by_second


def _kernel(products: Tensor, features: int) -> Tensor:
    return (products / features + 1.0) ** 3


def _jackknife(among: Tensor, across: Tensor, others: int) -> Tensor:
    """Variance from leaving out each row of one set.

    Args:
        among: sum of each row's kernels with all other rows of its set `[n]`.
        across: with all rows of the other set `[n]`.
        others: how many these are.
    """
    n = len(among)
    same = (among.sum() - 2 * among) / ((n - 1) * (n - 2))
    left = same - 2 * (across.sum() - across) / ((n - 1) * others)
    return (n - 1) / n * (left - left.mean()).square().sum()
