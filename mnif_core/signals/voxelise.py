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
    from scipy.ndimage import binary_fill_holes
    from trimesh.remesh import subdivide_to_size

    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise DataError(f"{name}: mesh without faces or with non-finite vertices; repair or remove it")
    low, high = mesh.bounds
    extents = high - low
    if extents.min() < 1e-6 * extents.max() or extents.max() == 0:
        raise DataError(f"{name}: mesh without volume (extents {extents.round(6).tolist()}); give it thickness")
    vertices = (mesh.vertices - (low + high) / 2) * (EXTENT * resolution / extents.max()) + resolution / 2
    points, faces = subdivide_to_size(vertices, mesh.faces, max_edge=0.5, max_iter=64)
    points = np.concatenate([points, points[faces].mean(1)])
    cells = np.clip(points.astype(int), 0, resolution - 1)
    grid = np.zeros((resolution,) * 3, dtype=bool)
    grid[tuple(cells.T)] = True
    return binary_fill_holes(grid)
