"""Solids as fields: coordinates (x, y, z) -> occupancy, or how far inside; above zero inside.

Shape letters: n shapes, s instances, p points, e cells along a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mnif_core.files.stored_config import Between
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.protocol import Drawing, Signal
from mnif_core.signals.shading import FULL
from mnif_core.signals.solid_pictures import mesh_picture

if TYPE_CHECKING:
    import trimesh

PLANES = 1 << 18  # points of a grid whose coordinates exist at once


@dataclass(frozen=True)
class VoxelSignal(Signal):
    """Resolution of the grids. A cell's centre has coordinate (2 i + 1) / r - 1; values are -1 outside, 1 inside."""

    kind: ClassVar[str] = "voxel"
    noun: ClassVar[str] = "solid"
    in_dim: ClassVar[int] = 3
    out_dim: ClassVar[int] = 1
    score_name: ClassVar[str] = "IoU"
    score_unit: ClassVar[str] = ""
    thumbnail: ClassVar[int] = 32

    resolution: Annotated[int, Between(1, 1024)] = 64
    """Cells along each side of the cube."""
    fill: Literal["solid", "enclosed"] = "solid"
    """What open meshes became when they were read (see `voxelise`)."""
    shade: Annotated[float, Between(0.0, 64.0)] = 0.0
    """Cells from the surface in which values go over from -1 to 1, by the distance; 0: at once, as in the paper."""

    @classmethod
    def at_resolution(cls, resolution: int) -> "VoxelSignal":
        """See `Signal.at_resolution`."""
        return cls(resolution)

    @property
    def points(self) -> int:
        """Cells."""
        return self.resolution**3

    def grid(self, resolution: int | None = None) -> Tensor:
        """Coordinates `[e * e * e, 3]` of all cell centres, x slowest."""
        resolution = resolution or self.resolution
        centres = self._centres(resolution)
        return torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij"), dim=-1).view(-1, 3)

    def _centres(self, resolution: int) -> Tensor:
        return (2.0 * torch.arange(resolution) + 1.0) / resolution - 1.0

    @torch.no_grad()
    def decode(
        self, networks: InstanceNetworks, resolution: int | None = None, points_per_chunk: int = 1 << 16
    ) -> Tensor:
        """Occupancy grids `[s, e, e, e]` in [0, 1], inside from 0.5, at any resolution.

        Args:
            networks: one per shape.
            resolution: cells along each side. None: the data's.
            points_per_chunk: points evaluated at once over all shapes, which bounds memory.
        """
        resolution = resolution or self.resolution
        device = networks.weights[0].device
        centres = self._centres(resolution).to(device)
        result = networks.weights[0].new_empty(networks.num_instances, resolution, resolution, resolution)
        # a few planes at once: a fine grid's coordinates would not fit where its values do
        for planes, x in zip(
            result.split(max(1, PLANES // resolution**2), dim=1),
            centres.split(max(1, PLANES // resolution**2)),
            strict=True,
        ):
            points = torch.stack(torch.meshgrid(x, centres, centres, indexing="ij"), dim=-1).view(-1, 3)
            planes.copy_(networks.evaluate(points, points_per_chunk).view(planes.shape))
        return result.mul_(0.5).add_(0.5).clamp_(0.0, 1.0)

    def meshes(self, networks: InstanceNetworks, resolution: int | None = None) -> "list[trimesh.Trimesh]":
        """Surfaces at occupancy 0.5, watertight, in the frame of the data: the cube from -0.5 to 0.5.

        A shape with nothing inside becomes a mesh without faces.
        """
        return [grid_mesh(grid.cpu().numpy()) for grid in self.decode(networks, resolution)]

    def draw(self, networks: InstanceNetworks, resolution: int | None = None) -> Drawing:
        """See `Signal.draw`."""
        meshes = self.meshes(networks, resolution)
        # drawing gives a mesh normals, which its file would hold then
        return Drawing(torch.stack([mesh_picture(mesh.copy()) for mesh in meshes]), meshes)

    def score(self, values: Tensor, targets: Tensor) -> Tensor:
        """Intersection over union of each shape `[s]`, over the points of values and targets `[s, p, 1]`."""
        ours, theirs = values > 0, targets > 0
        return (ours & theirs).sum((1, 2)) / (ours | theirs).sum((1, 2)).clamp(min=1)


def grid_mesh(occupancy: np.ndarray) -> "trimesh.Trimesh":
    """Marching cubes over one grid `[e, e, e]` in [0, 1], closed where it touches the cube's sides."""
    import trimesh
    from skimage.measure import marching_cubes

    resolution = len(occupancy)
    padded = np.pad(occupancy.astype(np.float32), 1)
    if padded.max() <= 0.5:
        return trimesh.Trimesh()
    vertices, faces, _, _ = marching_cubes(padded, 0.5, allow_degenerate=False)
    # skimage winds faces clockwise seen from outside of what is above the level
    return trimesh.Trimesh((vertices - 0.5) / resolution - 0.5, faces[:, ::-1], process=True)


class VoxelObservations:
    """Shapes known at points near their surface, and, where the data has them, as whole grids.

    Args:
        points: uint8 or int16 `[n, p, 3]`, cells of a grid of `point_resolution`.
        values: int8 `[n, p]`, in 127ths, above zero inside: see `signals.shading`.
        point_resolution: resolution of the grid that `points` count in.
        names: one per shape.
        signal: resolution of decoded grids.
        bits: uint8 `[n, e^3 / 8]`, whole grids, eight cells a byte (`numpy.packbits`), or none.
        labels: the class of each shape, where the data tell.
    """

    def __init__(
        self,
        points: Tensor,
        values: Tensor,
        point_resolution: int,
        names: Sequence[str],
        signal: VoxelSignal,
        bits: Tensor | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.cells, self.values, self.bits = points, values, bits
        self.point_resolution = point_resolution
        self.names = list(names)
        self.labels = None if labels is None else list(labels)
        self.signal = signal
        self.points = points.shape[1]

    def observe(self, index: Tensor, chosen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Observations.observe`."""
        index = index.to(self.cells.device)
        if chosen is None:
            cells, values = self.cells[index], self.values[index]
        else:
            rows = index.unsqueeze(1)
            chosen = chosen.to(self.cells.device)
            cells, values = self.cells[rows, chosen], self.values[rows, chosen]
        coordinates = (2.0 * cells.float() + 1.0) / self.point_resolution - 1.0
        return coordinates, values.float().unsqueeze(-1) / FULL

    def grids(self, index: Tensor) -> Tensor | None:
        """Whole grids, bool `[s, e, e, e]`, where the data has them."""
        if self.bits is None:
            return None
        resolution = self.signal.resolution
        cells = np.unpackbits(self.bits[index.cpu()].cpu().numpy(), axis=1)
        return torch.from_numpy(cells.reshape(-1, resolution, resolution, resolution)).bool()

    def pictures(self, index: Tensor) -> Tensor | None:
        """See `Observations.pictures`."""
        grids = self.grids(index)
        return None if grids is None else torch.stack([mesh_picture(grid_mesh(grid.numpy())) for grid in grids])

    def subset(self, index: Sequence[int]) -> "VoxelObservations":
        """See `Observations.subset`."""
        rows = list(index)
        bits = None if self.bits is None else self.bits[rows]
        names = [self.names[i] for i in rows]
        labels = None if self.labels is None else [self.labels[i] for i in rows]
        cells, values = self.cells[rows], self.values[rows]
        return VoxelObservations(cells, values, self.point_resolution, names, self.signal, bits, labels)

    def labelled(self, labels: Sequence[str] | None) -> "VoxelObservations":
        """The same with the class of each."""
        resolution = self.point_resolution
        return VoxelObservations(self.cells, self.values, resolution, self.names, self.signal, self.bits, labels)

    def to(self, device: torch.device) -> "VoxelObservations":
        """Points on `device`, so that a step needs no transfer; whole grids stay on the host."""
        cells, values = self.cells.to(device), self.values.to(device)
        return VoxelObservations(cells, values, self.point_resolution, self.names, self.signal, self.bits, self.labels)
