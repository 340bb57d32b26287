"""Radiance fields seen by pinhole cameras: coordinates [x, y, z] -> [red, green, blue, density] (paper A.2.3).

Shape letters: s scenes, r rays of a scene, z samples along a ray, v views.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from mnif_core.files.stored_config import Between, Pixels, Positive
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.siren import OutputActivation
from mnif_core.rendering.cameras import CameraReading, look_at_origin_opengl, pixel_directions, spiral_opengl
from mnif_core.rendering.occupancy import Occupancy
from mnif_core.rendering.volume import RenderedRays
from mnif_core.signals.protocol import Drawing, Signal
from mnif_core.signals.scene_rays import SceneRays

TOLERANCE = 2 / 255  # of colours, between a view with and without its empty space
CELLS = 64  # along a side of an occupancy cube
THRESHOLDS = [0.4 * 2 ** (-i / 2) for i in range(14)]  # densities up to which a cell may count as empty
MARGIN = 0.6  # of the tolerance, on test rays: other rays differ more
TEST_SIZE, TEST_VIEWS, TEST_ELEVATIONS = 16, 4, (5.0, 35.0, 70.0)  # pixels, azimuths, degrees
BEYOND = 1.001  # of the box's half side: the first and last samples of rays lie on its sides, which are in no cell
WORTHWHILE = 1_000_000  # samples of a scene from which on its occupancy costs less than it spares
POINTS = 1 << 17  # evaluated at once for an occupancy: bounds memory


@dataclass(frozen=True)
class SceneSignal(SceneRays, Signal):
    """How a field of colour and density is rendered. Defaults are the paper's for SRN Cars.

    Colours leave the network in [-1, 1] without activation and are shown in [0, 1] over the background.
    """

    kind: ClassVar[str] = "scene"
    noun: ClassVar[str] = "scene"
    in_dim: ClassVar[int] = 3
    out_dim: ClassVar[int] = 4
    output_activation: ClassVar[OutputActivation] = "none"

    height: Pixels = 128
    """Rows of a view, in pixels."""
    width: Pixels = 128
    """Columns of a view, in pixels."""
    focal: Positive = 131.25
    """Focal length in pixels."""
    held_out_views: Annotated[int, Between(0, 1 << 20)] = 0
    """Views of every training scene that training did not see, evenly spread (`split_views`)."""
    axes: str = ""
    """In which the poses of its data are written (`Axes.named`); empty for those of their format."""
    normalise: bool = False
    """Whether its data were moved to the origin and to `camera_distance`."""

    @classmethod
    def at_resolution(cls, resolution: int) -> "SceneSignal":
        """See `Signal.at_resolution`; the focal length grows along."""
        return cls(height=resolution, width=resolution, focal=cls.focal / cls.width * resolution)

    @property
    def points(self) -> int:
        """Samples of all rays of one view."""
        return self.height * self.width * self.samples_per_ray

    @property
    def reading(self) -> CameraReading:
        """How cameras of its data, and of others for it, are read."""
        return CameraReading.of(self.axes, self.normalise, self.camera_distance)

    @property
    def intrinsics(self) -> Tensor:
        """fx, fy, cx, cy `[4]` in pixels, principal point in the middle."""
        return torch.tensor([self.focal, self.focal, self.width / 2, self.height / 2])

    @torch.no_grad()
    def occupancy(self, networks: InstanceNetworks, tolerance: float = TOLERANCE) -> Occupancy:
        """Find where a scene is empty, once for all views of it.

        Costs as much as 0.3 million samples without a box, and with one its share of the cube of them.

        A trained field is nowhere quite empty, so what counts as empty is judged by what it does to pictures: all
        cells up to the highest density at which no colour of test rays from all sides changes by more than
        `MARGIN` of the tolerance.

        Args:
            networks: of one scene.
            tolerance: of colours in [0, 1], for the data's cameras.
        """
        device = networks.weights[0].device
        corner = math.hypot(self.width, self.height) / (2.0 * self.focal)
        reach = math.hypot(self.far * corner, self.far - self.camera_distance)
        if self.box is not None:
            reach = BEYOND * self.half_side
        axis = torch.linspace(-reach, reach, CELLS + 1, device=device)
        corners = torch.cartesian_prod(axis, axis, axis)
        density, held = torch.zeros_like(corners[:, 0]), self.holds(corners)
        density[held] = self.density_at(corners[held], networks.evaluate(corners[held], POINTS)[0, :, 3])
        density = density.view(3 * [CELLS + 1])
        origins, directions = self._test_rays(device)
        depths, points = self._samples(origins, directions)
        values = networks.evaluate(points.view(-1, 3), POINTS)[0].view(*depths.shape, 4)
        exact = self._composite(values, depths, directions).color
        for threshold in THRESHOLDS:
            occupancy = Occupancy.above(threshold, density, reach)
            color = self._composite(values, depths, directions, occupancy.contains(points)).color
            if bool(((color - exact).abs() <= MARGIN * tolerance).all()):
                return occupancy
        return Occupancy.above(-1.0, density, reach)

    def _test_rays(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Origins and directions, each `[all, 3]`, of rays from all sides that meet the box."""
        cameras = torch.cat([self.orbit(TEST_VIEWS, elevation) for elevation in TEST_ELEVATIONS]).to(device)
        directions = torch.stack([self._rays(camera, None, TEST_SIZE, TEST_SIZE) for camera in cameras])
        origins = cameras[:, None, :, 3].expand_as(directions)
        meets = self.meets(origins, directions)
        return origins[meets], directions[meets]

    def _rays(self, camera_to_world: Tensor, intrinsics: Tensor | None, height: int, width: int) -> Tensor:
        """Directions `[height * width, 3]` through the pixels of a camera, row by row."""
        device = camera_to_world.device
        if intrinsics is None:
            focal = self.focal * height / self.height
            intrinsics = torch.tensor([focal, focal, width / 2, height / 2])
        rows, columns = torch.meshgrid(
            torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
        )
        pixels = torch.stack([rows, columns], dim=-1).view(-1, 2)
        return pixel_directions(pixels, intrinsics.to(device), camera_to_world)

    @torch.no_grad()
    def render_view(
        self,
        networks: InstanceNetworks,
        camera_to_world: Tensor,
        intrinsics: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
        rays_per_chunk: int = 4096,
        occupancies: Sequence[Occupancy] | None = None,
    ) -> RenderedRays:
        """Render one camera's whole picture of each scene.

        Args:
            networks: one per scene.
            camera_to_world: `[3, 4]`, OpenGL axes.
            intrinsics: `[4]` fx, fy, cx, cy in pixels. None: the data's, scaled to the height asked for.
            height: rows. None: the data's.
            width: columns. None: the data's.
            rays_per_chunk: rays evaluated at once over all scenes, which bounds memory.
            occupancies: of each scene, to leave out empty space; none to evaluate every sample.

        Returns:
            Colours `[s, height, width, 3]` in [0, 1]; accumulation and z-depth `[s, height, width]`; weights.
        """
        height, width = height or self.height, width or self.width
        camera_to_world = camera_to_world.to(networks.weights[0].device)
        directions = self._rays(camera_to_world, intrinsics, height, width)
        scenes = networks.num_instances
        chunks = []
        for chunk in directions.split(max(1, rays_per_chunk // scenes)):
            origins = camera_to_world[:, 3].expand_as(chunk)
            if occupancies is None:
                shape = (scenes, *chunk.shape)
                chunks.append(self.render_rays(networks, origins.expand(shape), chunk.expand(shape)))
            else:
                each = [self.render_filled(networks[i], occupancies[i], origins, chunk) for i in range(scenes)]
                chunks.append(RenderedRays(*(torch.stack(parts) for parts in zip(*each, strict=True))))
        color, accumulation, depth, weights = (
            torch.cat(parts, dim=1).unflatten(1, (height, width)) for parts in zip(*chunks, strict=True)
        )
        return RenderedRays(color.clamp(0.0, 1.0), accumulation, depth, weights)

    def view(
        self,
        networks: InstanceNetworks,
        camera_to_world: Tensor,
        intrinsics: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
    ) -> Tensor:
        """See `Signal.view`."""
        return self.render_view(networks, camera_to_world, intrinsics, height, width).color

    def show(self, networks: InstanceNetworks) -> None:
        """See `Signal.show`: one view."""
        self.view(networks, self.orbit(1)[0])

    def draw(self, networks: InstanceNetworks, resolution: int | None = None) -> Drawing:
        """See `Signal.draw`: the first view of `orbit`."""
        return Drawing(self.view(networks, self.orbit(1)[0], height=resolution, width=resolution).cpu())

    def cameras(self, views: int) -> Tensor:
        """See `Signal.cameras`: SRN's, on a spiral."""
        return spiral_opengl(views, self.camera_distance) if views > 0 else super().cameras(views)

    def orbit(self, views: int, elevation: float = 25.0, start: float = 40.0) -> Tensor:
        """Cameras on a circle around the scene: camera-to-world `[v, 3, 4]`, OpenGL axes, z up.

        Args:
            views: how many, evenly spaced.
            elevation: degrees above the horizon, below 90.
            start: azimuth of the first camera in degrees.
        """
        azimuths = torch.arange(views) * (2 * math.pi / views) + math.radians(start)
        return look_at_origin_opengl(azimuths, math.radians(elevation), self.camera_distance)

    def decode(self, networks: InstanceNetworks, views: int = 4) -> Tensor:
        """Pictures of each scene from an orbit: `[s, v, height, width, 3]` in [0, 1].

        Empty space is left out where that spares more than finding it costs; see `occupancy` for the tolerance.
        """
        samples = views * self.height * self.width * self.samples_per_ray
        occupancies = None
        if samples > WORTHWHILE:
            occupancies = [self.occupancy(networks[i]) for i in range(networks.num_instances)]
        pictures = [self.render_view(networks, camera, occupancies=occupancies).color for camera in self.orbit(views)]
        return torch.stack(pictures, dim=1)
