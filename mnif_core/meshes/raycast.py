"""Pictures of coloured meshes by ray casting: demo scenes, scenes of one's own meshes, shapes on a contact sheet.

Cameras are those of SRN (Sitzmann et al. 2019): distance 1.3, focal length 131.25 at 128 pixels, world z up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FOCAL_SHARE = 131.25 / 128  # focal length in sides of the picture, as SRN's
SUPERSAMPLING = 2  # rays along each side of a pixel
LIGHT = np.array([0.40, 0.55, 0.73])  # direction that it comes from
AMBIENT, DIFFUSE, SKY = 0.52, 0.34, 0.14  # shares of a colour: everywhere, facing the light, facing up

LAYERS = 8  # of what can be seen through, behind which nothing is looked for
BEHIND = 1e-4  # lengths of the direction vector: how far behind a surface that is seen through the ray goes on

Array = NDArray[np.float64]
Painter = Callable[[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""Hit triangles `[hits]`, shares of their second and third corner `[hits, 2]` and ray directions `[hits, 3]` to RGB
in [0, 1] `[hits, 3]`, NaN where the surface is seen through."""


class Surface(Protocol):
    """What can be ray-cast."""

    @property
    def vertices(self) -> Array:
        """`[vertices, 3]`."""

    @property
    def triangles(self) -> NDArray[np.int64]:
        """`[triangles, 3]`."""

    def painter(self) -> Painter:
        """What rays see that hit it."""


@dataclass(frozen=True)
class ColouredMesh:
    """Triangles with a colour each."""

    vertices: Array
    """`[vertices, 3]`."""
    normals: Array
    """Unit normals `[vertices, 3]`, pointing outwards, smooth within a part."""
    triangles: NDArray[np.int64]
    """`[triangles, 3]`, anticlockwise seen from outside."""
    colours: Array
    """RGB in [0, 1], `[triangles, 3]`."""

    def painter(self) -> Painter:
        """Lambert shading, smooth over a triangle."""
        shaded = self.colours * brightness(self.normals)[self.triangles.T][..., None]
        shaded[1:] -= shaded[0]
        corners = shaded.astype(np.float32)

        def paint(
            triangle: NDArray[np.int64], share: NDArray[np.float32], direction: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            second, third = share.T[..., None]
            first, to_second, to_third = corners[:, triangle]
            return first + second * to_second + third * to_third

        return paint


def brightness(normals: NDArray[np.floating]) -> NDArray[np.floating]:
    """What a white surface with unit `normals` `[..., 3]` sends back under the fixed light: `[...]` in [0, 1]."""
    lambert = np.clip(normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    return AMBIENT + DIFFUSE * lambert + SKY * (normals[..., 2] + 1) / 2


def render_views(mesh: Surface, poses: Array, size: int) -> NDArray[np.uint8]:
    """Ray-cast a mesh from `poses` `[views, 4, 4]` on white: `[views, size, size, 3]`, smooth edges."""
    scene = embree_scene(mesh.vertices, mesh.triangles)
    offsets = (np.arange(size * SUPERSAMPLING) + 0.5) / (size * SUPERSAMPLING) - 0.5
    right, down = np.meshgrid(offsets / FOCAL_SHARE, offsets / FOCAL_SHARE)
    directions = np.stack([right, down, np.ones_like(right)], -1).astype(np.float32)
    directions = directions.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3)
    paint = mesh.painter()
    box = np.stack(np.meshgrid(*np.stack([mesh.vertices.min(0), mesh.vertices.max(0)], -1)), -1).reshape(8, 3)
    images = np.full((len(poses), size, size, 3), 255, np.uint8)
    for image, pose in zip(images, poses, strict=True):
        window = _window(box, pose, size)
        local = directions[window[0], :, window[1]]
        turned = local.reshape(-1, 3) @ pose[:3, :3].T.astype(np.float32)
        colours = _trace(scene, pose[:3, 3].astype(np.float32), turned, paint).reshape(local.shape)
        # Slices are summed one by one: `mean` over two short axes takes three times as long.
        total = sum(colours[:, i, :, j] for i in range(SUPERSAMPLING) for j in range(SUPERSAMPLING))
        image[window] = np.round(total * (255 / SUPERSAMPLING**2))
    return images


def embree_scene(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> Any:
    """What rays are cast into: triangles `[triangles, 3]` of `vertices` `[vertices, 3]`, in single precision."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene()
    TriangleMesh(scene, vertices.astype(np.float32), triangles.astype(np.int32))
    return scene


def _trace(
    scene: Any, origin: NDArray[np.float32], directions: NDArray[np.float32], paint: Painter
) -> NDArray[np.float32]:
    """What rays from `origin` see along `directions` `[rays, 3]`, white where it is nothing: `[rays, 3]`.

    Rays through a surface that is seen through move on.
    """
    colours, left = np.ones((len(directions), 3), np.float32), np.arange(len(directions))
    origins = np.broadcast_to(origin, directions.shape).copy()
    for _ in range(LAYERS):
        hits = scene.run(origins[left], directions[left], output=True)
        seen = np.flatnonzero(hits["primID"] >= 0)
        left = left[seen]
        share = np.column_stack([hits["u"][seen], hits["v"][seen]])
        painted = paint(hits["primID"][seen].astype(np.int64), share, directions[left])
        through = np.isnan(painted[:, 0])
        colours[left[~through]] = painted[~through]
        left = left[through]
        if not len(left):
            break
        origins[left] += (hits["tfar"][seen][through, None] + BEHIND) * directions[left]
    return colours


def _window(box: Array, pose: Array, size: int) -> tuple[slice, slice]:
    """Rows and columns that a box, given by its corners, can cover: the empty rest of a picture costs no rays."""
    x, y, z = ((box - pose[:3, 3]) @ pose[:3, :3]).T
    pixels = (np.stack([y / z, x / z]) * FOCAL_SHARE + 0.5) * size
    low, high = np.clip(np.stack([np.floor(pixels.min(1)), np.ceil(pixels.max(1))]), 0, size).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])
