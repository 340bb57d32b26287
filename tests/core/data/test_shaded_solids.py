"""Sets of solids by the distance to their surfaces: their values, and which sets they are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mnif_core.data.readers import read_observations
from mnif_core.data.shaded_solids import THIN, thin_share, with_shade
from mnif_core.data.voxel_files import from_grids, load_voxels
from mnif_core.signals.shading import FULL, shaded
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal
from mnif_core.training.voxels import VoxelTrainer

RADII = np.linalg.norm(VoxelSignal(24).grid().numpy(), axis=1).reshape(24, 24, 24)
BALL = RADII < 0.7
STOOL = np.zeros((24, 24, 24), dtype=bool)
STOOL[4:20, 16:18, 4:20] = True
STOOL[[5, 5, 18, 18], :17, [5, 18, 5, 18]] = True
SETS = {"balls": ([BALL], 0.0), "stools": ([STOOL], 1.0), "both": ([STOOL, BALL], 0.5)}


def solids(name: str, count: int = 6) -> VoxelObservations:
    shapes, _ = SETS[name]
    return from_grids([shapes[i % len(shapes)] for i in range(count)], [str(i) for i in range(count)])


def test_values_are_those_of_the_cells() -> None:
    plain = solids("both")
    known = with_shade(plain, 2.0)
    assert known.signal == VoxelSignal(24, shade=2.0) and known.names == plain.names
    coordinates, targets = known.observe(torch.arange(2))
    cells = ((coordinates + 1.0) * 12.0 - 0.5).round().long().numpy()
    for shape, at, values in zip((STOOL, BALL), cells, targets, strict=True):
        np.testing.assert_allclose(values[:, 0] * FULL, shaded(shape, 2.0)[tuple(at.T)], atol=1e-4)
    step = plain.observe(torch.arange(2))[1]
    assert set(step.unique().tolist()) == {-1.0, 1.0}, "exactly"
    assert torch.equal(targets > 0, step > 0)


@pytest.mark.parametrize("name", SETS)
def test_thin_parts_are_those_that_no_cube_of_three_cells_fits(name: str) -> None:
    assert thin_share(solids(name)) == pytest.approx(SETS[name][1], abs=0.02)


def test_points_without_grids_stay_as_they_are() -> None:
    plain = solids("stools")
    known = VoxelObservations(plain.cells, plain.values, 24, plain.names, plain.signal)
    assert with_shade(known, 2.0) is known and thin_share(known) == 0.0


def test_demo_cars_have_none() -> None:
    assert thin_share(load_voxels(None, 24)) < THIN


@pytest.mark.parametrize(("name", "shade"), [("balls", 0.0), ("stools", 1.5)])
def test_a_run_shades_thin_sets_alone_and_its_field_says_so(name: str, shade: float, tmp_path: Path) -> None:
    grids = solids(name, 12).grids(torch.arange(12))
    assert grids is not None
    np.save(tmp_path / "set.npy", grids.numpy())
    run = VoxelTrainer(
        tmp_path / "set.npy", output_dir=tmp_path / "run", resolution=24, fit_length=3, prior_length=2, device="cpu"
    )
    field = run.fit()
    assert field.signal == VoxelSignal(24, shade=shade)
    assert read_observations(field.signal, tmp_path / "set.npy").signal == field.signal
