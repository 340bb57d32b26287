"""Surfaces of scenes with a texture that the field has painted.

Shape letters: u vertices, t triangles, j texels.
"""

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.export.atlas import Unwrapped, texels, unwrap, with_margins
from mnif_core.export.painting import PAINTERS, Painter
from mnif_core.export.surface import instance_surface
from mnif_core.generative_field import GenerativeField

if TYPE_CHECKING:
    import trimesh

SMALLEST, LARGEST = 16, 8192  # texels along a side
TEXELS_PER_CHUNK = 1 << 17  # painted at once: bounds memory


def textured_mesh(
    field: GenerativeField, latent: Tensor, size: int, resolution: int | None = None, faces: int | None = None
) -> "trimesh.Trimesh":
    """Surface of the instance `latent` `[h]` with a texture, which views from all round have painted (`Painter`).

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
    if field.signal.kind not in PAINTERS:
        raise ConfigError(f"{field.signal.noun}s have no colours on a surface; leave --texture out")
    network = field.instance(latent)
    mesh = instance_surface(field.signal, network, resolution, faces)
    # a viewer's thread draws no bar: the training beside it may have one
    with Progress(transient=True, disable=threading.current_thread() is not threading.main_thread()) as progress:
        painter = PAINTERS[field.signal.kind](field.signal, network, mesh, size, progress)
        unwrapped, picture = _painted(mesh, painter, size, progress)
    return trimesh.Trimesh(
        mesh.vertices[unwrapped.origin],
        unwrapped.triangles,
        vertex_normals=mesh.vertex_normals[unwrapped.origin],
        visual=TextureVisuals(unwrapped.places, image=Image.fromarray(picture)),
        process=False,
    )


def _painted(
    mesh: "trimesh.Trimesh", painter: Painter, size: int, progress: Progress
) -> tuple[Unwrapped, NDArray[np.uint8]]:
    """A surface laid flat, and its picture `[size, size, 3]`."""
    task = progress.add_task("Unwrapping", total=1)
    unwrapped = unwrap(mesh, size)
    progress.update(task, completed=1)
    picture, shown = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), bool)
    rows = max(1, TEXELS_PER_CHUNK // size)
    chunks = [range(start, min(start + rows, size)) for start in range(0, size, rows)]
    for chunk in progress.track(chunks, description="Painting"):
        found = texels(unwrapped, size, chunk)
        corners, share = mesh.faces[found.triangle], found.share[..., None]
        points = (mesh.vertices[corners] * share).sum(1)
        normals = (mesh.vertex_normals[corners] * share).sum(1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        index = tuple(found.place.T)
        picture[index] = (painter.colours(points, normals) * 255).round()
        shown[index] = True
    return unwrapped, with_margins(picture, shown)
