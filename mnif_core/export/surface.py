"""Coloured, watertight surfaces of scenes and solids, in the data's frame.

Shape letters: e cells along a side, u vertices, z samples behind a vertex.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnif_core.export.reduction import reduced
from mnif_core.export.solid import POINTS_PER_CHUNK, Solid, solid_of
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.volume import composite
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.solid_pictures import SHAPE_COLOUR

if TYPE_CHECKING:
    import trimesh

CLEARANCE = 1e-3  # of the level, that no cell comes nearer to: keeps vertices apart when files round them
SAMPLES_BEHIND, DEPTH_BEHIND = 8, 3.0  # samples that colour a vertex, and how deep they reach in renderer's spacings


def instance_mesh(
    field: GenerativeField, latent: Tensor, resolution: int | None = None, faces: int | None = None
) -> "trimesh.Trimesh":
    """Surface of the instance `latent` `[h]`, watertight, with a colour at every vertex.

    A scene's level is the one whose silhouettes agree best with the field's opacity; its colours are what a ray
    sees that meets the surface head on. A field of solids has no colours and gets one of its own.

    Args:
        field: of scenes or solids.
        latent: `[h]`.
        resolution: cells along each side of the cube that is searched. None: 128.
        faces: that the surface is reduced to. None: all that are found.

    Raises:
        ConfigError: a field of images, nothing of the instance is solid, or no surface of so many faces.
    """
    from trimesh.visual import ColorVisuals

    network = field.instance(latent)
    mesh = instance_surface(field.signal, network, resolution, faces)
    colors = instance_colors(field.signal, network, mesh.vertices, mesh.vertex_normals)
    mesh.visual = ColorVisuals(mesh, vertex_colors=colors)
    return mesh


def instance_surface(
    signal: Signal, network: InstanceNetworks, resolution: int | None, faces: int | None = None
) -> "trimesh.Trimesh":
    """Surface of one instance without colours, as `instance_mesh`."""
    found = surface(solid_of(signal, network, resolution))
    return found if faces is None else reduced(found, faces)


def instance_colors(
    signal: Signal, network: InstanceNetworks, points: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """RGB `[u, 3]` of `points` `[u, 3]` on the surface of one instance, with outward `normals` `[u, 3]`."""
    colors = np.broadcast_to(SHAPE_COLOUR, points.shape)
    if signal.kind in COLOURS:
        colors = COLOURS[signal.kind](signal, network, points, normals)
    return (colors * 255).round().astype(np.uint8)


def surface(solid: Solid) -> "trimesh.Trimesh":
    """Marching cubes over a solid, closed at the sides of its cube."""
    import trimesh
    from skimage.measure import marching_cubes

    above = np.pad(solid.occupancy - solid.level, 1, constant_values=-solid.level)
    above = np.where(above > 0, np.maximum(above, CLEARANCE), np.minimum(above, -CLEARANCE))
    vertices, faces, _, _ = marching_cubes(above, 0.0, allow_degenerate=False)
    scale = 2 * solid.half_side / len(solid.occupancy)
    # skimage winds faces clockwise seen from outside of what is above the level
    return trimesh.Trimesh((vertices - 0.5) * scale - solid.half_side, faces[:, ::-1], process=True)


@torch.no_grad()
def surface_colors(
    signal: SceneSignal, network: InstanceNetworks, vertices: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Colours `[u, 3]` in [0, 1] that rays see which meet `vertices` `[u, 3]` against their `normals` `[u, 3]`."""
    device = network.weights[0].device
    depths = torch.linspace(-0.5, DEPTH_BEHIND, SAMPLES_BEHIND, device=device) * signal.spacing
    origins = torch.as_tensor(vertices, dtype=torch.float32, device=device)
    inwards = -torch.as_tensor(np.array(normals), dtype=torch.float32, device=device)
    points = origins.unsqueeze(1) + inwards.unsqueeze(1) * depths.unsqueeze(-1)
    values = network.evaluate(points.flatten(0, 1), POINTS_PER_CHUNK)[0].unflatten(0, points.shape[:2])
    density = signal.density_at(points, values[..., 3])
    seen = composite(values[..., :3], density, depths, torch.ones_like(origins[:, 0]), background=0.0)
    colors = seen.color / seen.accumulation.clamp(min=1e-6).unsqueeze(-1)
    return (colors * 0.5 + 0.5).clamp(0.0, 1.0).double().cpu().numpy()


Places = NDArray[np.float64]
COLOURS: dict[str, Callable[[Any, InstanceNetworks, Places, Places], Places]] = {"scene": surface_colors}
"""Kind of signal -> colours of its surfaces, as `surface_colors`; those of all others are grey."""
