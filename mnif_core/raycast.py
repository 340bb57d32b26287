"""Pictures of coloured meshes by ray casting: demo scenes, and shapes on a contact sheet.

Cameras are those of SRN (Sitzmann et al. 2019): distance 1.3, focal length 131.25 at 128 pixels, world z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DISTANCE = 1.3
FOCAL_SHARE = 131.25 / 128
SUPERSAMPLING = 2
LIGHT = np.array([0.40, 0.55, 0.73])
AMBIENT, DIFFUSE, SKY = 0.52, 0.34, 0.14

Array = NDArray[np.float64]


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


def look_at_origin(azimuth: float, elevation: float) -> Array:
    """Camera-to-world matrix `[4, 4]` in OpenCV axes (x right, y down, z forward) at distance 1.3; radians."""
    backward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    pose = np.eye(4)
    pose[:3] = np.column_stack([right, np.cross(right, backward), -backward, DISTANCE * backward])
    return pose


def render_views(mesh: ColouredMesh, poses: Array, size: int) -> NDArray[np.uint8]:
    """Ray-cast a mesh from `poses` `[views, 4, 4]` on white: `[views, size, size, 3]`, Lambert shaded, smooth edges."""
    import open3d  # costs seconds and hundreds of megabytes: only those who make a set pay

    tensor = open3d.core.Tensor.from_numpy
    scene = open3d.t.geometry.RaycastingScene()
    vertices, triangles = mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32)
    scene.add_triangles(tensor(vertices), tensor(triangles))
    offsets = (np.arange(size * SUPERSAMPLING) + 0.5) / (size * SUPERSAMPLING) - 0.5
    right, down = np.meshgrid(offsets / FOCAL_SHARE, offsets / FOCAL_SHARE)
    directions = np.stack([right, down, np.ones_like(right)], -1).astype(np.float32)
    directions = directions.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3)
    shaded = _shade(mesh)
    box = np.stack(np.meshgrid(*np.stack([mesh.vertices.min(0), mesh.vertices.max(0)], -1)), -1).reshape(8, 3)
    images = np.full((len(poses), size, size, 3), 255, np.uint8)
    for image, pose in zip(images, poses, strict=True):
        window = _window(box, pose, size)
        local = directions[window[0], :, window[1]]
        rays = np.empty((local.size // 3, 6), np.float32)
        rays[:, :3], rays[:, 3:] = pose[:3, 3], local.reshape(-1, 3) @ pose[:3, :3].T.astype(np.float32)
        hits = scene.cast_rays(tensor(rays), nthreads=1)
        triangle = hits["primitive_ids"].numpy()
        seen = np.flatnonzero(triangle != scene.INVALID_ID)
        second, third = hits["primitive_uvs"].numpy()[seen].T[..., None]
        first, to_second, to_third = shaded[:, triangle[seen]]
        colours = np.ones(local.shape, np.float32)
        colours.reshape(-1, 3)[seen] = first + second * to_second + third * to_third
        # Slices are summed one by one: `mean` over two short axes takes three times as long.
        total = sum(colours[:, i, :, j] for i in range(SUPERSAMPLING) for j in range(SUPERSAMPLING))
        image[window] = np.round(total * (255 / SUPERSAMPLING**2))
    return images


def _window(box: Array, pose: Array, size: int) -> tuple[slice, slice]:
    """Rows and columns that a box, given by its corners, can cover: the empty rest of a picture costs no rays."""
    x, y, z = ((box - pose[:3, 3]) @ pose[:3, :3]).T
    pixels = (np.stack([y / z, x / z]) * FOCAL_SHARE + 0.5) * size
    low, high = np.clip(np.stack([np.floor(pixels.min(1)), np.ceil(pixels.max(1))]), 0, size).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _shade(mesh: ColouredMesh) -> NDArray[np.float32]:
    """Colours under a fixed light, `[3, triangles, 3]`: at the first corner, and what the other two differ by."""
    lambert = np.clip(mesh.normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    brightness = AMBIENT + DIFFUSE * lambert + SKY * (mesh.normals[:, 2] + 1) / 2
    corners = mesh.colours * brightness[mesh.triangles.T][..., None]
    corners[1:] -= corners[0]
    return corners.astype(np.float32)
