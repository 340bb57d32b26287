"""Meshes to solid grids: surface cells, then everything that the surface encloses or is seen to mean."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.solid_fill import inside_by_votes, open_edges
from mnif_core.data.surface_cells import crossed_cells
from mnif_core.errors import DataError
from mnif_core.files.notes import note

if TYPE_CHECKING:
    import trimesh

EXTENT = 0.94  # longest side of a shape, as a share of the cube's
SAME = 4  # decimals of a cell to which vertices are one, since many formats give every triangle its own

Fill = Literal["solid", "enclosed"]
"""What an open mesh becomes: what rays from six sides find inside, or only what its cells enclose."""
FILL: Fill = "solid"


def voxelise(mesh: "trimesh.Trimesh", resolution: int, name: str, fill: Fill = FILL) -> NDArray[np.bool_]:
    """Solid grid `[resolution, resolution, resolution]` of a mesh, centred, its longest side 0.94 of the cube.

    Cells that the surface crosses count as inside, so thin parts survive, and what they enclose does: holes below a
    cell are closed. Of an open mesh a note says how open it is and what was made of it.

    Args:
        mesh: need not be watertight.
        resolution: cells along each side.
        name: what to call the mesh in errors and notes.
        fill: what becomes of an open mesh.

    Raises:
        DataError: no faces, no finite extent, or no volume (flat).
    """
    import trimesh
    from scipy.ndimage import binary_fill_holes

    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise DataError(f"{name}: mesh without faces or with non-finite vertices; repair or remove it")
    low, high = mesh.bounds
    extents = high - low
    if not np.isfinite(extents).all() or extents.min() < 1e-6 * extents.max() or extents.max() == 0:
        raise DataError(f"{name}: mesh without volume (extents {extents.round(6).tolist()}); give it thickness")
    vertices = (mesh.vertices - (low + high) / 2) * (EXTENT * resolution / extents.max()) + resolution / 2
    enclosed = binary_fill_holes(crossed_cells(vertices[mesh.faces], resolution))
    merged = trimesh.Trimesh(vertices, mesh.faces, process=False)
    merged.merge_vertices(digits_vertex=SAME)
    merged.update_faces(merged.nondegenerate_faces() & merged.unique_faces())
    edges = open_edges(merged)
    if not edges:
        return enclosed
    grid = enclosed
    if fill == "solid":
        grid = binary_fill_holes(enclosed | inside_by_votes(merged, resolution))
    cells, before = int(grid.sum()), int(enclosed.sum())
    filled = f"filled from {before} to {cells} cells by rays from six sides"
    note(f"{name}: {edges} open edges; {filled if cells > before else f'left at the {cells} cells that it encloses'}")
    return grid
