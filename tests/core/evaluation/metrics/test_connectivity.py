"""Whether solids hang together, against scikit-image and solids that are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import label

from mnif_core.evaluation.metrics.connectivity import connectivity, largest_share


def boxes(*corners: tuple[int, int]) -> NDArray[np.bool_]:
    """Cubes from one corner to the other along the diagonal."""
    grid = np.zeros((12, 12, 12), dtype=bool)
    for low, high in corners:
        grid[low:high, low:high, low:high] = True
    return grid


@pytest.mark.parametrize(
    ("grid", "share"),
    [
        (boxes(), 0.0),
        (boxes((0, 12)), 1.0),
        (boxes((0, 4), (6, 8)), 64 / 72),
        (boxes((0, 4), (4, 6)), 64 / 72),  # they touch in a corner alone
        (boxes((0, 2), (4, 6)), 0.5),
    ],
)
def test_known_solids(grid: NDArray[np.bool_], share: float) -> None:
    assert largest_share(grid) == pytest.approx(share)


@pytest.mark.parametrize("filled", [0.1, 0.3, 0.6])
def test_against_scikit_image(filled: float) -> None:
    grid = np.random.default_rng(0).random((10, 11, 12)) < filled
    sizes = np.bincount(label(grid, connectivity=1).ravel())[1:]
    assert largest_share(grid) == pytest.approx(sizes.max() / grid.sum())


def test_shares_of_a_set() -> None:
    assert connectivity([1.0, 0.951, 0.95, 0.4, 0.0]) == {"whole": 2 / 5, "empty": 1 / 5}
