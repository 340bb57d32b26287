"""Solids: every road in, points near surfaces, watertight meshes in the data's frame, bad input named."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from mnif_core.data.surface_points import near_surface_cells, points_of_each
from mnif_core.data.voxel_files import from_grids, load_voxels
from mnif_core.data.voxelise import EXTENT, voxelise
from mnif_core.errors import DataError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal, grid_mesh

POINTS = 16384


def ball(resolution: int, radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> NDArray[np.bool_]:
    """A solid ball in the cube from -1 to 1."""
    points = VoxelSignal(resolution).grid().numpy() - np.array(centre)
    return (np.linalg.norm(points, axis=1) < radius).reshape((resolution,) * 3)


def mesh_folder(folder: Path) -> Path:
    folder.mkdir()
    trimesh.creation.box((1, 2, 3)).export(folder / "box.obj")
    trimesh.creation.icosphere(3).export(folder / "ball.ply")
    trimesh.creation.cylinder(1, 2).export(folder / "cylinder.stl")
    trimesh.creation.torus(2, 0.5).export(folder / "torus.glb")
    return folder


def test_three_quarters_of_the_cells_are_mixed_ones_and_each_is_drawn_once() -> None:
    grid = ball(32, 0.7)
    cells, inside = near_surface_cells(grid, seed=0, count=1500)
    assert len(np.unique(cells, axis=0)) == 1500
    np.testing.assert_array_equal(grid[tuple(cells.T)], inside)
    padded = np.pad(grid, 1, mode="edge")
    around = [padded[x : x + 3, y : y + 3, z : z + 3] for x, y, z in cells.astype(int)]
    assert sum(bool(cube.any() and not cube.all()) for cube in around) == 1125
    again, _ = near_surface_cells(grid, seed=0, count=1500)
    np.testing.assert_array_equal(cells, again)


def test_too_few_cells_near_the_surface_are_filled_up_from_the_rest() -> None:
    grid = ball(32, 0.2)
    cells, inside = near_surface_cells(grid, seed=1)
    assert cells.shape == (POINTS, 3) and len(np.unique(cells, axis=0)) == POINTS
    padded = np.pad(grid, 1, mode="edge")
    drawn = {tuple(cell) for cell in cells.tolist()}
    for x, y, z in np.ndindex(grid.shape):
        cube = padded[x : x + 3, y : y + 3, z : z + 3]
        assert (x, y, z) in drawn or cube.all() or not cube.any(), "all cells near the surface are there"
    assert inside.any() and not inside.all()


@pytest.mark.parametrize(
    ("shapes", "resolution", "points"),
    [(1, 64, 64**3), (3, 64, 87_381), (15, 64, 17_476), (16, 64, POINTS), (800, 64, POINTS), (1, 16, POINTS)],
)
def test_few_shapes_are_known_at_more_points(shapes: int, resolution: int, points: int) -> None:
    assert points_of_each(shapes, resolution) == points


def test_meshes_of_any_format(tmp_path: Path) -> None:
    voxels = load_voxels(mesh_folder(tmp_path / "meshes"), 32)
    assert voxels.names == ["ball.ply", "box.obj", "cylinder.stl", "torus.glb"]
    grids = voxels.grids(torch.arange(4))
    assert grids is not None
    # cells that the surface crosses count as inside: up to one more on every side
    radius = EXTENT * 16
    assert 4 / 3 * np.pi * radius**3 < grids[0].sum() < 4 / 3 * np.pi * (radius + 1) ** 3
    sides = [int(grids[1].any(axes).sum()) for axes in ((1, 2), (0, 2), (0, 1))]
    for side, length in zip(sides, (1, 2, 3), strict=True):
        assert length / 3 * EXTENT * 32 <= side <= length / 3 * EXTENT * 32 + 2
    assert grids[1].sum() == np.prod(sides)


def test_a_hollow_mesh_is_solid_inside() -> None:
    outer, inner = trimesh.creation.icosphere(3), trimesh.creation.icosphere(3, radius=0.5)
    shell = trimesh.util.concatenate([outer, inner])
    assert isinstance(shell, trimesh.Trimesh)
    grid = voxelise(shell, 24, "shell")
    assert grid[12, 12, 12]


def test_grids_in_every_file(tmp_path: Path) -> None:
    grids = np.stack([ball(16, radius) for radius in (0.5, 0.6, 0.8)])
    np.save(tmp_path / "a.npy", grids)
    np.savez(tmp_path / "b.npz", voxels=grids.astype(np.uint8))
    np.savez(tmp_path / "c.npz", bits=np.packbits(grids.reshape(3, -1), axis=1), name=np.array(["x"] * 3))
    np.savez(tmp_path / "d.npz", voxels=grids, label=np.arange(3))
    for name in ("a.npy", "b.npz", "c.npz", "d.npz"):
        loaded = load_voxels(tmp_path / name, 64)
        assert loaded.signal.resolution == 16
        decoded = loaded.grids(torch.arange(3))
        assert decoded is not None
        np.testing.assert_array_equal(decoded.numpy(), grids)


def test_binvox(tmp_path: Path) -> None:
    grid = ball(16, 0.7, (0.2, 0, 0))
    for index in range(2):
        encoding = trimesh.voxel.encoding.DenseEncoding(grid)
        exported = trimesh.exchange.binvox.export_binvox(trimesh.voxel.VoxelGrid(encoding))
        (tmp_path / f"{index}.binvox").write_bytes(exported)
    grids = load_voxels(tmp_path, 64).grids(torch.tensor([1]))
    assert grids is not None
    np.testing.assert_array_equal(grids[0].numpy(), grid)


def im_net(count: int = 2) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    points = rng.integers(0, 256, (count, POINTS, 3), dtype=np.uint8)
    return points, (np.linalg.norm(points - 127.5, axis=2, keepdims=True) < 90).astype(np.uint8)


def test_im_net_and_the_authors_layout_are_the_same(tmp_path: Path) -> None:
    points, values = im_net()
    with h5py.File(tmp_path / "all_vox256_img_train.hdf5", "w") as file:
        file["points_64"], file["values_64"] = points, values
    torch.save(torch.from_numpy(points), tmp_path / "data_points_int_train.pth")
    torch.save(torch.from_numpy(values), tmp_path / "data_values_train.pth")
    first = load_voxels(tmp_path / "all_vox256_img_train.hdf5", 64)
    second = load_voxels(tmp_path / "data_points_int_train.pth", 64)
    for one, other in zip(first.observe(torch.arange(2)), second.observe(torch.arange(2)), strict=True):
        assert torch.equal(one, other)
    coordinates, targets = first.observe(torch.tensor([1]))
    torch.testing.assert_close(coordinates[0], torch.from_numpy((2.0 * points[1] + 1) / 256 - 1).float())
    assert set(targets.unique().tolist()) == {-1.0, 1.0}
    assert first.grids(torch.tensor([0])) is None


def test_demo_cars_are_solid() -> None:
    cars = load_voxels(None, 24)
    assert len(cars.names) == 160
    grids = cars.grids(torch.arange(160))
    assert grids is not None
    share = grids.float().mean((1, 2, 3))
    assert share.min() > 0.03 and share.max() < 0.4
    assert len(grids.flatten(1).unique(dim=0)) == 160


def h5(path: Path, **arrays: Any) -> None:
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value


def unwritten(path: Path) -> None:
    """Arrays that are claimed and take no place."""
    with h5py.File(path, "w") as file:
        file.create_dataset("points_64", (10_000, 11, 4096), "u1", chunks=(100, 11, 4096))
        file.create_dataset("values_64", (0, 16384, 1), "u1")


BAD: dict[str, tuple[str, Any]] = {
    "no such file": ("x", lambda path: None),
    "no shapes here": ("x", lambda path: path.mkdir()),
    "cannot read '.txt'": ("x.txt", lambda path: path.write_text("")),
    "no points_64": ("x.hdf5", lambda path: h5(path, values_64=im_net()[1])),
    "points are uint8 \\(2, 100, 3\\)": (
        "x.hdf5",
        lambda path: h5(path, points_64=im_net()[0][:, :100], values_64=im_net()[1]),
    ),
    "values are float32": ("x.hdf5", lambda p: h5(p, points_64=im_net()[0], values_64=im_net()[1].astype("f"))),
    "outside {0, 1}": ("x.hdf5", lambda path: h5(path, points_64=im_net()[0], values_64=im_net()[1] * 3)),
    "claims 450560000 bytes in a file of": ("x.hdf5", lambda path: unwritten(path)),
    "not a whole hdf5": ("x.hdf5", lambda path: path.write_bytes(b"cut")),
    "beside it": ("data_points_int_train.pth", lambda path: torch.save(torch.zeros(1), path)),
    "outside {0, 1}; ": ("x.npy", lambda path: np.save(path, np.full((2, 8, 8, 8), 2))),
    "is not \\[n, r, r, r\\]": ("x.npy", lambda path: np.save(path, np.zeros((2, 8, 8, 9), bool))),
    "no packed cube": ("x.npy", lambda path: np.save(path, np.zeros((2, 100), np.uint8))),
    "pickled objects": ("x.npz", lambda path: np.savez(path, bits=np.array([{}], dtype=object))),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_one_line_with_its_path(tmp_path: Path, message: str) -> None:
    name, make = BAD[message]
    make(tmp_path / name)
    with pytest.raises(DataError, match=message.strip()) as raised:
        load_voxels(tmp_path / name, 16)
    assert str(tmp_path / name) in str(raised.value) and "\n" not in str(raised.value)


def flat(path: Path) -> None:
    trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 1, 2]]).export(path)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("flat.ply", flat, "without volume"),
        ("broken.obj", lambda path: path.write_text("v 1 x\n"), "line 1 is not readable"),
        ("broken.glb", lambda path: path.write_bytes(b"glTF but cut"), "glTF of version"),
        ("other.npy", lambda path: np.save(path, ball(8, 0.5)), "8 cells a side among 16|16 cells a side among 8"),
    ],
)
def test_a_bad_shape_is_named_or_skipped(
    tmp_path: Path, name: str, make: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mesh_folder(tmp_path / "meshes")
    make(folder / name)
    with pytest.raises(DataError, match=message) as raised:
        load_voxels(folder, 16)
    assert str(folder / name) in str(raised.value) and "\n" not in str(raised.value)
    assert len(load_voxels(folder, 16, skip_bad=True).names) == 4
    assert "1 of 5 shapes are unreadable" in capsys.readouterr().out


class Ball(InstanceNetworks):
    """A field that is known: positive inside a ball of radius 0.6 around (0.1, 0, -0.2)."""

    def __init__(self) -> None:
        super().__init__((torch.zeros(1, 1, 3),), (torch.zeros(1, 1),), 1.0, "none")

    def __call__(self, coordinates: Tensor) -> Tensor:
        return 0.6 - (coordinates - torch.tensor([0.1, 0.0, -0.2])).norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("resolution", [24, 48])
def test_meshes_are_watertight_and_in_the_data_frame(resolution: int) -> None:
    (mesh,) = VoxelSignal(32).meshes(Ball(), resolution)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.3**3, rel=0.02)
    np.testing.assert_allclose(mesh.center_mass, [0.05, 0, -0.1], atol=2e-3)


def test_a_full_cube_is_closed_and_an_empty_one_has_no_faces() -> None:
    mesh = grid_mesh(np.ones((8, 8, 8)))
    assert mesh.is_watertight and mesh.volume == pytest.approx(1.0, rel=0.05)
    assert len(grid_mesh(np.zeros((8, 8, 8))).faces) == 0


def test_decoded_grid_matches_the_field() -> None:
    grid = VoxelSignal(20).decode(Ball(), points_per_chunk=77)[0]
    np.testing.assert_array_equal(grid.numpy() > 0.5, ball(20, 0.6, (0.1, 0.0, -0.2)))


def test_score_is_intersection_over_union() -> None:
    values = torch.tensor([[1.0, 1, -1, -1], [1, 1, 1, 1]]).unsqueeze(-1)
    targets = torch.tensor([[1.0, -1, 1, -1], [1, 1, 1, 1]]).unsqueeze(-1)
    torch.testing.assert_close(VoxelSignal().score(values, targets), torch.tensor([1 / 3, 1.0]))


def test_chosen_points_and_subsets_are_those_of_the_whole() -> None:
    voxels: VoxelObservations = from_grids([ball(16, radius) for radius in (0.4, 0.6, 0.8)], ["a", "b", "c"])
    coordinates, targets = voxels.observe(torch.tensor([2]))
    chosen = torch.tensor([[5, 900, 16000]])
    some = voxels.subset([2, 0]).observe(torch.tensor([0]), chosen)
    assert torch.equal(some[0], coordinates[:, chosen[0]]) and torch.equal(some[1], targets[:, chosen[0]])
    cells = ((coordinates[0] + 1) * 8 - 0.5).round().long()
    assert torch.equal(torch.from_numpy(ball(16, 0.8))[tuple(cells.T)], targets[0, :, 0] > 0)
