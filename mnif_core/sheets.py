"""Pictures of instances of any modality, side by side on one sheet."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mnif_core.field_folder import Signal
from mnif_core.files.atomic import whole_file
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.observations import Observations
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal, grid_mesh

if TYPE_CHECKING:
    import trimesh

TILE, GUTTER, FRAME = 128, 2, 3
GREEN = (0.1, 0.7, 0.2)
SHAPE_COLOUR = (0.45, 0.55, 0.70)
AZIMUTH, ELEVATION = 0.7, 0.45  # radians, of the camera that shows shapes
SHAPE_SCALE = 0.72  # shapes fill a cube, whose corners a camera at distance 1.3 would cut off


def tiles(field: GenerativeField, latents: Tensor, resolution: int | None = None) -> Tensor:
    """One picture of each of `latents` `[n, h]`: `[n, height, width, 3]` in [0, 1].

    Args:
        field: what they are latents of.
        latents: `[n, h]`.
        resolution: side of images and views in pixels, of grids in cells. None: the data's.
    """
    return pictures_of(field.signal, field.instance(latents), resolution)


def pictures_of(signal: Signal, networks: InstanceNetworks, resolution: int | None = None) -> Tensor:
    """One picture of each of `networks`, as `tiles`."""
    if isinstance(signal, ImageSignal):
        pictures = signal.decode(networks, resolution, resolution)
        return pictures.expand(*pictures.shape[:3], 3).cpu()
    if isinstance(signal, SceneSignal):
        camera = signal.orbit(1)[0]
        return signal.render_view(networks, camera, height=resolution, width=resolution).color.cpu()
    return torch.stack([mesh_picture(mesh) for mesh in signal.meshes(networks, resolution)])


def write_instances(
    field: GenerativeField,
    latents: Tensor,
    path: Path,
    columns: int,
    resolution: int | None = None,
    marked: Collection[int] = (),
) -> None:
    """Write a sheet of `latents` `[n, h]` to `path`, and for solids a folder of meshes beside it; say where.

    The pictures numbered `marked` are framed.
    """
    if isinstance(field.signal, VoxelSignal):
        meshes = field.signal.meshes(field.instance(latents), resolution)
        folder = path.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        for index, mesh in enumerate(meshes):
            mesh.export(folder / f"{index:04d}.ply")
        print(f"{len(meshes)} meshes in {folder}")
        pictures = [mesh_picture(mesh) for mesh in meshes]
    else:
        pictures = list(tiles(field, latents, resolution))
    print(f"{len(pictures)} pictures on {save_png(arrange(pictures, columns, marked), path)}", flush=True)


def true_tiles(observations: Observations, index: Tensor) -> Tensor | None:
    """The data's own pictures of the instances `index` `[n]`, as `tiles`; none of shapes known at points only."""
    if isinstance(observations, VoxelObservations):
        grids = observations.grids(index)
        return None if grids is None else torch.stack([mesh_picture(grid_mesh(grid.numpy())) for grid in grids])
    signal: ImageSignal = observations.signal
    values = observations.observe(index)[1].cpu() * 0.5 + 0.5
    pictures = values.unflatten(1, (signal.height, signal.width))
    return pictures.expand(*pictures.shape[:3], 3)


def mesh_picture(mesh: "trimesh.Trimesh") -> Tensor:
    """A solid seen from above its front: `[128, 128, 3]` in [0, 1], white where it is empty."""
    from mnif_core.meshes.raycast import ColouredMesh, render_views
    from mnif_core.rendering.cameras import look_at_origin_opencv

    if len(mesh.faces) == 0:
        return torch.ones(TILE, TILE, 3)
    colours = np.broadcast_to(SHAPE_COLOUR, (len(mesh.faces), 3))
    drawn = ColouredMesh(np.asarray(mesh.vertices) * SHAPE_SCALE, mesh.vertex_normals, mesh.faces, colours)
    picture = render_views(drawn, look_at_origin_opencv(AZIMUTH, ELEVATION)[None], TILE)[0]
    return torch.from_numpy(picture).float() / 255.0


def beside(left: Tensor, right: Tensor) -> list[Tensor]:
    """Pictures of two sets `[n, height, width, 3]` in turn, so that pairs stand side by side on a sheet."""
    return [picture for pair in zip(left, right, strict=True) for picture in pair]


def arrange(pictures: list[Tensor], columns: int, marked: Collection[int] = ()) -> Tensor:
    """Pictures `[height, width, 3]` of one size in rows of `columns`, small ones enlarged: `[height, width, 3]`.

    Those numbered `marked` have a green frame.
    """
    blank = [torch.ones_like(pictures[0])] * (-len(pictures) % columns)
    framed = [_framed(picture, number in marked) for number, picture in enumerate(pictures + blank)]
    return torch.cat([torch.cat(framed[i : i + columns], dim=1) for i in range(0, len(framed), columns)])


def _framed(picture: Tensor, marked: bool) -> Tensor:
    enlarge = max(1, TILE // picture.shape[1])
    picture = picture.repeat_interleave(enlarge, 0).repeat_interleave(enlarge, 1)
    framed = picture.new_full((picture.shape[0] + GUTTER, picture.shape[1] + GUTTER, 3), 0.8)
    framed[: picture.shape[0], : picture.shape[1]] = picture
    if marked:
        inner = framed[FRAME : picture.shape[0] - FRAME, FRAME : picture.shape[1] - FRAME].clone()
        framed[: picture.shape[0], : picture.shape[1]] = framed.new_tensor(GREEN)
        framed[FRAME : picture.shape[0] - FRAME, FRAME : picture.shape[1] - FRAME] = inner
    return framed


def save_png(picture: Tensor, path: Path) -> Path:
    """Write a picture `[height, width, 3]` in [0, 1] as a whole PNG file.

    Raises:
        OutputError: the place cannot be written to.
    """
    with whole_file(path) as scratch:
        Image.fromarray((picture.clamp(0, 1) * 255).round().byte().cpu().numpy()).save(scratch, format="PNG")
    return path
