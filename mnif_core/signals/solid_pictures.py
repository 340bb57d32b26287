"""How solids are drawn: a shaded mesh, seen from above its front."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import trimesh

SIDE = 128  # of a picture, in pixels
SHAPE_COLOUR = (0.45, 0.55, 0.70)  # RGB in [0, 1]
AZIMUTH, ELEVATION = 0.7, 0.45  # radians, of the camera that shows shapes
SHAPE_SCALE = 0.72  # shapes fill a cube, whose corners a camera at distance 1.3 would cut off


def mesh_picture(mesh: "trimesh.Trimesh") -> Tensor:
    """A solid seen from above its front: `[128, 128, 3]` in [0, 1], white where it is empty."""
    from mnif_core.meshes.raycast import ColouredMesh, render_views
    from mnif_core.rendering.cameras import look_at_origin_opencv

    if len(mesh.faces) == 0:
        return torch.ones(SIDE, SIDE, 3)
    colours = np.broadcast_to(SHAPE_COLOUR, (len(mesh.faces), 3))
    drawn = ColouredMesh(np.asarray(mesh.vertices) * SHAPE_SCALE, mesh.vertex_normals, mesh.faces, colours)
    picture = render_views(drawn, look_at_origin_opencv(AZIMUTH, ELEVATION)[None], SIDE)[0]
    return torch.from_numpy(picture).float() / 255.0
