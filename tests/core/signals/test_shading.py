"""Values of solids: the right side of the surface everywhere, the distance to it where they are shaded."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mnif_core.signals.shading import FULL, FULLNESS, shaded, values_of
from mnif_core.signals.voxels import VoxelSignal


def radii(resolution: int) -> NDArray[np.float64]:
    """Of all cells of a cube from its middle, in cells."""
    return np.linalg.norm(VoxelSignal(resolution).grid().numpy(), axis=1).reshape((resolution,) * 3) * resolution / 2


def plate() -> NDArray[np.bool_]:
    grid = np.zeros((12, 12, 12), dtype=bool)
    grid[:, 5, :] = True
    return grid


SOLIDS = {
    "ball": radii(24) < 8.0,
    "hollow": (radii(24) < 9.0) & (radii(24) > 7.5),
    "crumbs": np.random.default_rng(0).random((9, 9, 9)) < 0.2,
    "plate of one cell, to the sides": plate(),
    "one cell in a corner": np.pad(np.ones((1, 1, 1), dtype=bool), (0, 7)),
    "full": np.ones((6, 6, 6), dtype=bool),
    "empty": np.zeros((6, 6, 6), dtype=bool),
}


@pytest.mark.parametrize("shade", [0.0, 0.3, 1.0, 2.0, 7.5])
@pytest.mark.parametrize("name", SOLIDS)
def test_cells_keep_their_side_of_the_surface(name: str, shade: float) -> None:
    values = shaded(SOLIDS[name], shade)
    assert values.dtype == np.int8 and values.min() >= -FULL
    np.testing.assert_array_equal(values > 0, SOLIDS[name])


def test_without_shade_they_are_the_papers() -> None:
    np.testing.assert_array_equal(shaded(SOLIDS["ball"], 0.0), np.where(SOLIDS["ball"], 127, -127))
    np.testing.assert_array_equal(values_of(SOLIDS["ball"]), shaded(SOLIDS["ball"], 0.0))


def test_a_shaded_ball_is_its_distance() -> None:
    meant = np.clip((8.0 - radii(24) + FULLNESS) / 3.0, -1.0, 1.0)
    assert np.abs(shaded(SOLIDS["ball"], 3.0) / FULL - meant).max() < 0.5 / 3.0, "half a cell, which grids do not know"
    assert np.abs(shaded(SOLIDS["ball"], 3.0) / FULL - meant).mean() < 0.03


def test_a_plate_of_one_cell_is_half_a_cell_deep() -> None:
    values = shaded(plate(), 2.0)[6, :, 6] / FULL
    wanted = np.clip((0.5 - np.abs(np.arange(12) - 5) + FULLNESS) / 2.0, -1.0, 1.0)
    np.testing.assert_allclose(values, wanted, atol=0.5 / FULL)
