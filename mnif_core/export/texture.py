"""Surfaces of scenes with a texture that the field has painted.

Shape letters: u vertices, t triangles, j texels.
"""

import threading
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.export.atlas import texels, unwrap, with_margins
from mnif_core.export.surface import COLOURS, instance_colors, instance_surface
from mnif_core.generative_field import GenerativeField

if TYPE_CHECKING:
    import trimesh

SMALLEST, LARGEST = 16, 8192  # texels along a side
TEXELS_PER_CHUNK = 1 << 17  # painted at once: bounds memory


def textured_mesh(
    field: GenerativeField, latent: Tensor, size: int, resolution: int | None = None, faces: int | None = None
) -> "trimesh.Trimesh":
    """Surface of the instance `latent` `[h]` with a texture, its colours as `instance_mesh` has them, texel by texel.

    It is closed, but for vertices that stand twice where the texture is cut.

    Args:
        field: of scenes.
        latent: `[h]`.
        size: of the texture, in texels along a side: 16 to 8,192.
        resolution: cells along each side of the cube that is searched for the surface. None: 128.
        faces: of the surface. None: all that are found.

    Raises:
        ConfigError: a field whose surfaces have no colours, a size or a number of faces out of range, or nothing of the
            instance is solid.
    """
    import trimesh
    from PIL import Image
    from trimesh.visual import TextureVisuals

    if not SMALLEST <= size <= LARGEST:
        raise ConfigError(f"a texture of {size} texels a side is not painted; choose {SMALLEST} to {LARGEST}")
    if field.signal.kind not in COLOURS:
        raise ConfigError(f"{field.signal.noun}s have no colours on a surface; leave --texture out")
    network = field.instance(latent)
    mesh = instance_surface(field.signal, network, resolution, faces)
    unwrapped = unwrap(mesh, size)
    picture, shown = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), bool)
    rows = max(1, TEXELS_PER_CHUNK // size)
    chunks = [range(start, min(start + rows, size)) for start in range(0, size, rows)]
    beside = threading.current_thread() is not threading.main_thread()  # a viewer's, while training has its own bar
    for chunk in track(chunks, "Painting", total=len(chunks), transient=True, disable=beside):
        found = texels(unwrapped, size, chunk)
        corners, share = mesh.faces[found.triangle], found.share[..., None]
        points = (mesh.vertices[corners] * share).sum(1)
        normals = trimesh.unitize((mesh.vertex_normals[corners] * share).sum(1))
        index = tuple(found.index.T)
        picture[index] = instance_colors(field.signal, network, points, normals)
        shown[index] = True
    image = Image.fromarray(with_margins(picture, shown))
    return trimesh.Trimesh(
        mesh.vertices[unwrapped.origin],
        unwrapped.triangles,
        vertex_normals=mesh.vertex_normals[unwrapped.origin],
        visual=TextureVisuals(unwrapped.places, image=image),
        process=False,
    )
