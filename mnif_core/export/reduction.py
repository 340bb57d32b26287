"""Surfaces of fewer faces, by quadric error metrics (Garland and Heckbert 1997).

Shape letters: t triangles.
"""

from typing import TYPE_CHECKING

import numpy as np

from mnif_core.errors import ConfigError

if TYPE_CHECKING:
    import trimesh


def reduced(mesh: "trimesh.Trimesh", faces: int) -> "trimesh.Trimesh":
    """A closed surface of about `faces` triangles that lies as near to `mesh` as they allow.

    It stays closed. Where a thin part loses its thickness, an edge can end with four faces in place of two.

    Args:
        mesh: closed, without colours.
        faces: wanted; a few less where parts lose all their thickness.

    Raises:
        ConfigError: more faces than `mesh` has, or so few that nothing of it is left.
    """
    import trimesh

    if faces > len(mesh.faces):
        raise ConfigError(
            f"the surface has {len(mesh.faces):,} faces, fewer than the {faces:,} wanted; choose fewer, or a higher "
            "--resolution"
        )
    coarse = mesh.simplify_quadric_decimation(face_count=max(faces, 1))
    corners, found, times = np.unique(np.sort(coarse.faces, 1), axis=0, return_inverse=True, return_counts=True)
    # two faces with the same corners enclose nothing
    coarse = trimesh.Trimesh(coarse.vertices, coarse.faces[times[found] == 1])
    closed = len(coarse.faces) > 0 and (np.bincount(coarse.edges_unique_inverse) % 2 == 0).all()
    if not closed or coarse.volume <= 0:
        raise ConfigError(f"{faces:,} faces are too few for this surface; choose more")
    return coarse
