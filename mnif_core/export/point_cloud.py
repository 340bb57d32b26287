"""Coloured point clouds of scenes and solids: points spread evenly over the surface."""

from pathlib import Path

import numpy as np
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.export.surface import instance_colors, instance_surface
from mnif_core.files.atomic import whole_file
from mnif_core.generative_field import GenerativeField


def write_point_cloud(
    field: GenerativeField, latent: Tensor, path: Path, points: int, resolution: int | None = None, seed: int = 0
) -> None:
    """Write `points` points on the surface of the instance `latent` `[h]`, in the data's frame, as `.ply`.

    Args:
        field: of scenes or solids.
        latent: `[h]`.
        path: ends in `.ply`.
        points: how many, drawn evenly by area.
        resolution: cells along each side of the cube that is searched for the surface. None: 128.
        seed: of the draw.

    Raises:
        ConfigError: fewer than one point, a field of images, or nothing of the instance is solid.
        OutputError: the place cannot be written to.
    """
    import trimesh

    if points < 1:
        raise ConfigError(f"a cloud of {points} points is none; choose 1 or more")
    network = field.instance(latent)
    mesh = instance_surface(field.signal, network, resolution)
    places, triangles = trimesh.sample.sample_surface(mesh, points, seed=seed)[:2]
    colors = instance_colors(field.signal, network, np.asarray(places), mesh.face_normals[triangles])
    with whole_file(path) as scratch:
        trimesh.PointCloud(places, colors).export(scratch)
