"""What the surface of an open mesh means as a solid: cells that rays from most of six sides find inside.

A ray that has met the surface an odd number of times is inside. Through a hole it counts wrongly, but only rays along
that one direction do (ray stabbing, Nooruddin and Turk 2003).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import trimesh

VOTES = 4  # of six that make a cell solid
BESIDE = (3.1e-4, 7.3e-4)  # cells from the centre: edges of symmetric meshes lie just there, and would be met twice

Grid = NDArray[np.bool_]


def open_edges(mesh: "trimesh.Trimesh") -> int:
    """Edges of only one triangle, in a mesh whose vertices at one place are one."""
    low, high = mesh.edges_sorted.astype(np.int64).T
    _, counts = np.unique(low * len(mesh.vertices) + high, return_counts=True)
    return int((counts == 1).sum())


def inside_by_votes(mesh: "trimesh.Trimesh", resolution: int) -> Grid:
    """Grid `[resolution, resolution, resolution]`: cells inside by four of six sides' rays.

    Args:
        mesh: in cells: cell i spans [i, i + 1].
        resolution: cells along each side.
    """
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    rays = RayMeshIntersector(mesh)
    votes = np.zeros((resolution,) * 3, dtype=np.int8)
    rows, columns = (part.ravel() for part in np.meshgrid(*[np.arange(resolution)] * 2, indexing="ij"))
    for axis in range(3):
        origins = np.full((len(rows), 3), -1.0)
        origins[:, (axis + 1) % 3] = rows + 0.5 + BESIDE[0]
        origins[:, (axis + 2) % 3] = columns + 0.5 + BESIDE[1]
        directions = np.tile(np.eye(3)[axis], (len(rows), 1))
        places, ray, _ = rays.intersects_location(origins, directions)
        # cells whose centre lies beyond the hit
        beyond = np.clip(np.ceil(places[:, axis] - 0.5).astype(np.int64), 0, resolution)
        hits = np.zeros((resolution, resolution, resolution + 1), dtype=np.int64)
        np.add.at(hits, (rows[ray], columns[ray], beyond), 1)
        passed = hits.cumsum(-1)
        from_low = passed[..., :-1] % 2
        from_high = (passed[..., -1:] - passed[..., :-1]) % 2
        votes += np.moveaxis(from_low + from_high, (0, 1, 2), ((axis + 1) % 3, (axis + 2) % 3, axis)).astype(np.int8)
    return votes >= VOTES
