"""Meshes to solid grids: surface cells, then everything that the surface encloses."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError

if TYPE_CHECKING:
    import trimesh

EXTENT = 0.94  # longest side of a shape, as a share of the cube's


def voxelise(mesh: "trimesh.Trimesh", resolution: int, name: str) -> NDArray[np.bool_]:
    """Solid grid `[resolution, resolution, resolution]` of a mesh, centred, its longest side 0.94 of the cube.

    Cells that the surface crosses count as inside, so thin parts survive and small holes are closed.

    Args:
        mesh: need not be watertight; open surfaces enclose nothing and stay shells.
        resolution: cells along each side.
        name: what to call the mesh in errors.

    Raises:
        DataError: no faces, no finite extent, or no volume (flat).
    """
    import open3d
    from scipy.ndimage import binary_fill_holes

    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise DataError(f"{name}: mesh without faces or with non-finite vertices; repair or remove it")
    low, high = mesh.bounds
    extents = high - low
    if extents.min() < 1e-6 * extents.max() or extents.max() == 0:
        raise DataError(f"{name}: mesh without volume (extents {extents.round(6).tolist()}); give it thickness")
    vertices = (mesh.vertices - (low + high) / 2) * (EXTENT * resolution / extents.max()) + resolution / 2
    surface = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(np.asarray(mesh.faces, dtype=np.int32))
    )
    crossed = open3d.geometry.VoxelGrid.create_from_triangle_mesh_within_bounds(
        surface, 1.0, np.zeros(3), np.full(3, float(resolution))
    )
    grid = np.zeros((resolution,) * 3, dtype=bool)
    grid[tuple(np.array([cell.grid_index for cell in crossed.get_voxels()]).T)] = True
    return binary_fill_holes(grid)
