"""What solid a mesh becomes, closed or open, and what is said of it. A case is one row."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from mnif_core.data.surface_cells import crossed_cells
from mnif_core.data.voxelise import voxelise
from mnif_core.errors import DataError
from mnif_core.files.notes import collected_notes

SIDE = 32


def sphere() -> trimesh.Trimesh:
    """Of 320 triangles, each of them larger than a cell."""
    return trimesh.creation.icosphere(2)


def without(mesh: trimesh.Trimesh, lost: np.ndarray) -> trimesh.Trimesh:
    mesh.update_faces(~np.isin(np.arange(len(mesh.faces)), lost))
    mesh.remove_unreferenced_vertices()
    return mesh


def holed(mesh: trimesh.Trimesh, count: int = 6) -> trimesh.Trimesh:
    return without(mesh, np.random.default_rng(0).choice(len(mesh.faces), count, replace=False))


def tube() -> trimesh.Trimesh:
    """A cylinder without its ends, four times as long as wide."""
    mesh = trimesh.creation.cylinder(0.5, 4.0)
    return without(mesh, np.flatnonzero(np.abs(mesh.face_normals[:, 2]) > 0.9))


def inside_out(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    mesh.invert()
    return mesh


def soup(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """As STL files have it: every triangle with vertices of its own."""
    return trimesh.Trimesh(mesh.triangles.reshape(-1, 3), np.arange(3 * len(mesh.faces)).reshape(-1, 3), process=False)


def joined(*meshes: trimesh.Trimesh) -> trimesh.Trimesh:
    whole = trimesh.util.concatenate(meshes)
    assert isinstance(whole, trimesh.Trimesh)
    return whole


def twice(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    return joined(mesh, mesh.copy())


def crossing() -> trimesh.Trimesh:
    """Two tubes that cross at right angles."""
    return joined(tube(), tube().apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0])))


def corner() -> trimesh.Trimesh:
    """Three sheets that meet in a corner and enclose nothing."""
    box = trimesh.creation.box()
    return without(box, np.flatnonzero(box.face_normals.sum(1) > 0))


def cells_of(mesh: trimesh.Trimesh) -> int:
    """How many cells a closed shape of its volume takes."""
    return round(float(mesh.convex_hull.volume) * (0.94 * SIDE / mesh.extents.max()) ** 3)


CLOSED = {
    "sphere": sphere,
    "sphere inside out": lambda: inside_out(sphere()),
    "sphere of loose triangles": lambda: soup(sphere()),
    "sphere within a sphere": lambda: trimesh.util.concatenate([sphere(), sphere().apply_scale(0.5)]),
    "sphere twice": lambda: twice(sphere()),
    "box far away": lambda: trimesh.creation.box().apply_translation((1e6, 0, 0)),
    "capsule": lambda: trimesh.creation.capsule(2.0, 0.5),
}


@pytest.mark.parametrize("make", CLOSED.values(), ids=CLOSED)
def test_closed_meshes_are_filled_without_a_word(make: Callable[[], trimesh.Trimesh]) -> None:
    with collected_notes() as lines:
        grid = voxelise(make(), SIDE, "a.ply")
    assert not lines
    hull = cells_of(make())
    assert hull < grid.sum() < 1.5 * hull  # the surface's cells stand out
    np.testing.assert_array_equal(grid, voxelise(make(), SIDE, "a.ply", "enclosed"))


OPEN = {
    "holes": lambda: holed(sphere()),
    "holes inside out": lambda: holed(inside_out(sphere())),
    "holes of loose triangles": lambda: soup(holed(sphere())),
    "holes, every triangle twice": lambda: twice(holed(sphere())),
    "one large hole": lambda: without(sphere(), np.flatnonzero(sphere().triangles_center[:, 2] > 0.8)),
    "tube": tube,
    "bowl of one sheet": lambda: without(sphere(), np.flatnonzero(sphere().triangles_center[:, 2] > 0.0)),
}


@pytest.mark.parametrize("make", OPEN.values(), ids=OPEN)
def test_open_meshes_are_solid_and_said_to_be_open(make: Callable[[], trimesh.Trimesh]) -> None:
    with collected_notes() as lines:
        grid = voxelise(make(), SIDE, "a.ply")
    (line,) = lines
    assert line.startswith("a.ply: ") and " open edges; filled from " in line and f"to {grid.sum()} cells" in line
    assert grid.sum() > 0.95 * cells_of(make())
    with collected_notes() as lines:
        shell = voxelise(make(), SIDE, "a.ply", "enclosed")
    assert lines[0].endswith(f"left at the {shell.sum()} cells that it encloses")
    assert shell.sum() < 0.6 * grid.sum() and (grid | ~shell).all()


def test_crossing_tubes_are_solid_where_they_cross() -> None:
    with collected_notes():
        grid = voxelise(crossing(), SIDE, "a.ply")
    assert grid[SIDE // 2 - 2 : SIDE // 2 + 2, SIDE // 2 - 2 : SIDE // 2 + 2, SIDE // 2 - 2 : SIDE // 2 + 2].all()


def test_sheets_that_enclose_nothing_stay_sheets() -> None:
    with collected_notes() as lines:
        grid = voxelise(corner(), SIDE, "a.ply")
    assert "left at" in lines[0] and grid.sum() < 6 * SIDE**2


REFUSED = {
    "flat": (lambda: trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]), "without volume"),
    "one point": (lambda: trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False), "without volume"),
    "no faces": (lambda: trimesh.Trimesh(np.eye(3), np.zeros((0, 3), int)), "without faces"),
    "not a number": (
        lambda: trimesh.Trimesh(np.array([[0, 0, np.nan], [1, 0, 0], [0, 1, 0]]), [[0, 1, 2]], process=False),
        "fini",
    ),
    "overflow": (lambda: trimesh.Trimesh((np.eye(3) - 0.5) * 3e308, [[0, 1, 2]], process=False), "volume|finite"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_volume_is_refused(make: Callable[[], trimesh.Trimesh], said: str) -> None:
    with pytest.raises(DataError, match=said):
        voxelise(make(), SIDE, "a.ply")


def test_crossed_cells_are_those_that_points_on_the_triangles_lie_in() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-2, 18, (60, 3, 3))
    corners[:20] = corners[:20, :1] + rng.normal(0, 0.5, (20, 3, 3))
    grid = crossed_cells(corners, 16)
    weights = rng.dirichlet(np.full(3, 0.7), 200_000)
    seen = np.zeros_like(grid)
    for triangle in corners:
        cells = np.floor(weights @ triangle).astype(int)
        seen[tuple(cells[((cells >= 0) & (cells < 16)).all(1)].T)] = True
    assert (grid | ~seen).all()
    assert (grid & ~seen).sum() < 0.02 * grid.sum()  # corners of cells that no drawn point met


def test_large_triangles_and_axis_aligned_sides_leave_no_hole() -> None:
    grid = voxelise(trimesh.creation.box((1, 0.5, 0.25)), 100, "a.ply")
    low, high = np.argwhere(grid).min(0), np.argwhere(grid).max(0)
    assert grid[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))].all()
    assert (high - low + 1).tolist() == [96, 48, 24]  # cells that the ends only touch count
