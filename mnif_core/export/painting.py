"""What a scene's surface looks like from all round: its colours as cameras see them, not as one ray does.

A field is soft: what is seen of a place changes a little with where it is seen from, and no one ray stands for all. So
a place has the mean of what views from around the scene show of it, each by the cosine of the angle at which it looks.

Shape letters: v views, j places.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch.nn import functional

from mnif_core.export.surface import surface_colors
from mnif_core.meshes.raycast import embree_scene
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.cameras import project
from mnif_core.signals.scenes import SceneSignal

if TYPE_CHECKING:
    import trimesh

RINGS = ((-45.0, 6), (0.0, 10), (25.0, 10), (50.0, 8), (80.0, 4))  # degrees above the horizon, and how many views
SIZES = (64, 512)  # pixels along a side of a view: a quarter of the texture's texels, within these
WIDEST = 0.95  # sine of half a view's angle at most
SLANT = 0.1  # cosine between normal and view, below which a place is not looked at
LIFT = 2e-3  # lengths above a surface from which it is looked at whether something is before it


class Painter:
    """Views of one scene, and the colours that its surface has in them.

    Args:
        signal: how it is rendered.
        network: of one scene.
        mesh: its surface, which hides what is behind it.
        size: of the texture, in texels along a side.
        progress: that shows how far the views are.
    """

    @torch.no_grad()
    def __init__(
        self, signal: SceneSignal, network: InstanceNetworks, mesh: "trimesh.Trimesh", size: int, progress: Progress
    ) -> None:
        self._signal, self._network = signal, network
        self._surface = embree_scene(mesh.vertices, mesh.faces)
        reach = float(np.linalg.norm(mesh.vertices, axis=1).max())
        self._cameras = torch.cat([signal.orbit(count, elevation, start=0.0) for elevation, count in RINGS])
        half = math.tan(math.asin(min(reach / signal.camera_distance, WIDEST)))
        self._size = side = min(max(size // 4, SIZES[0]), SIZES[1])
        self._intrinsics = torch.tensor([side / 2 / half, side / 2 / half, side / 2, side / 2])
        filled = [signal.occupancy(network)]
        background = torch.tensor(signal.background)
        views = []
        for camera in progress.track(self._cameras, description="Looking"):
            seen = signal.render_view(network, camera, self._intrinsics, side, side, occupancies=filled)
            opacity = seen.accumulation[0].cpu()
            own = seen.color[0].cpu() - background * (1 - opacity).unsqueeze(-1)
            views.append(torch.cat([own, opacity.unsqueeze(-1)], -1))
        self._views = torch.stack(views).movedim(-1, 1)  # colour times opacity, and opacity

    def colours(self, points: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
        """RGB in [0, 1] of places `[j, 3]` on the surface with outward `normals`; of hidden ones as one ray sees it."""
        total = np.zeros((len(points), 4))
        for camera, view in zip(self._cameras, self._views, strict=True):
            towards = camera[:, 3].double().numpy() - points
            towards /= np.linalg.norm(towards, axis=1, keepdims=True)
            cosine = (towards * normals).sum(1)
            facing = np.flatnonzero(cosine > SLANT)
            free = self._surface.run(
                (points[facing] + LIFT * normals[facing]).astype(np.float32), towards[facing].astype(np.float32)
            )
            shown = facing[free < 0]
            rows, columns, _ = project(torch.from_numpy(points[shown]).float(), camera, self._intrinsics)
            places = torch.stack([columns, rows], -1) * (2 / self._size) - 1
            seen = functional.grid_sample(view[None], places[None, None], align_corners=False)[0, :, 0].T.double()
            total[shown] += seen.numpy() * cosine[shown, None]
        hidden = np.flatnonzero(total[:, 3] <= 1e-3)
        colours = total[:, :3] / np.maximum(total[:, 3:], 1e-3)
        if len(hidden):
            colours[hidden] = surface_colors(self._signal, self._network, points[hidden], normals[hidden])
        return colours.clip(0, 1)


PAINTERS: dict[str, Callable[[Any, InstanceNetworks, Any, int, Progress], Painter]] = {"scene": Painter}
"""Kind of signal -> what paints its surfaces; all others have no colours."""
