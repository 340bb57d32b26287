"""Views of one object as a field's renderer sees them, and how well pictures meet them.

Shape letters: s scenes, v views.
"""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from mnif_core.data.instances import DISTANCES
from mnif_core.data.posed_views import PosedViews
from mnif_core.errors import DataError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.box import pixels_within, seen_in
from mnif_core.rendering.cameras import Axis, pixel_directions
from mnif_core.signals.scenes import SceneSignal

RING = 8  # cameras of a ring
RINGS = ((5.0, 0.0), (25.0, 20.0), (50.0, 40.0), (75.0, 10.0))  # elevation, azimuth of the first camera, in degrees
EXACT = 1e-6  # an error of pixels that is none: less is below what 8 bits tell


class TargetViews:
    """Views as the field's renderer sees them: on its device, no finer than its own, in its world.

    Args:
        views: of one object.
        signal: the field's.
        device: the field's.

    Raises:
        DataError: the object is not at the origin, or the cameras stand much nearer or farther than the run's.
    """

    def __init__(self, views: PosedViews, signal: SceneSignal, device: torch.device | str) -> None:
        beside = views.beside_the_origin()
        if beside:
            raise DataError(
                f"{views.name}: the origin is outside {len(beside)} of {len(views)} views; "
                "move the cameras so that the object is at the origin, z up"
            )
        nearest, farthest = (share * signal.camera_distance for share in DISTANCES)
        if not nearest <= views.distance <= farthest:
            ours, theirs = signal.camera_distance, views.distance
            raise DataError(
                f"{views.name}: cameras stand {theirs:.3g} from the origin, the run's {ours:.3g}; "
                f"pass --scale {ours / theirs:.3g} to bring them as near, or --normalise"
            )
        self.name, self.signal = views.name, signal
        pictures = torch.from_numpy(views.pictures).to(device)
        height, width = pictures.shape[1:3]
        share = min(1.0, signal.height / height)
        self.height, self.width = round(height * share), round(width * share)
        scale = torch.tensor([self.width / width, self.height / height]).repeat(2)
        self.intrinsics = (torch.from_numpy(views.intrinsics) * scale).to(device)
        self.cameras = torch.from_numpy(views.camera_to_worlds).to(device)
        if share < 1.0:
            planes = pictures.permute(0, 3, 1, 2).float()
            smaller = nn.functional.interpolate(planes, (self.height, self.width), mode="area")
            pictures = smaller.permute(0, 2, 3, 1).round().byte()
        self.pictures = pictures
        self._ranges = self._pixels_of_the_box()

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, views: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Origins, directions and colours in [0, 1], each `[1, count, 3]`, of pixels drawn from `views` `[v]`.

        Where the field has a box, from the pixels that can show it.
        """
        device = self.pictures.device
        view = views.to(device)[torch.randint(len(views), (count,), generator=generator).to(device)]
        poses = self.cameras[view]
        row, column = pixels_within(self._ranges[view], torch.rand(2, count, generator=generator).to(device))
        directions = pixel_directions(torch.stack([row, column], dim=-1), self.intrinsics[view], poses)
        colors = self.pictures[view, row, column].float() / 255.0
        return poses[None, :, :, 3], directions[None], colors[None]

    def errors(self, networks: InstanceNetworks, views: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Mean squared error `[s]` of scenes at `count` pixels as `draw` draws them, the same for all of `networks`."""
        scenes = len(networks.weights[0])
        rays = self.draw(views, count, generator)
        origins, directions, colors = (part.expand(scenes, -1, -1).contiguous() for part in rays)
        jitter = torch.rand(1, count, self.signal.samples_per_ray, generator=generator).to(colors.device)
        return self.signal.rays_error(networks, origins, directions, colors, jitter.expand(scenes, -1, -1))[0]

    def with_mirrored(self, views: Tensor, axis: Axis) -> "TargetViews":
        """`views` `[v]`, then each as a mirror through the origin, across `axis`, shows it and its camera.

        Of an object that is its own mirror image these are views of it too: one shows both of its sides.
        """
        views = views.to(self.pictures.device)
        cameras, intrinsics = self.cameras[views].clone(), self.intrinsics[views].clone()
        cameras[:, "xyz".index(axis)] *= -1.0
        cameras[:, :, 0] *= -1.0  # a mirrored camera would be left-handed: its picture is turned about instead
        intrinsics[:, 2] = self.width - intrinsics[:, 2]
        both = copy.copy(self)
        both.pictures = torch.cat([self.pictures[views], self.pictures[views].flip(2)])
        both.cameras = torch.cat([self.cameras[views], cameras])
        both.intrinsics = torch.cat([self.intrinsics[views], intrinsics])
        both._ranges = both._pixels_of_the_box()
        return both

    @torch.no_grad()
    def all_round(self, networks: InstanceNetworks) -> "TargetViews":
        """What one scene's network shows cameras as far away as these, on `RINGS` around it."""
        distance = float(self.cameras[:, :, 3].norm(dim=1).mean())
        as_far = replace(self.signal, camera_distance=distance)
        shown = copy.copy(self)
        shown.cameras = torch.cat([as_far.orbit(RING, *ring) for ring in RINGS]).to(self.cameras)
        shown.intrinsics = self.intrinsics[:1].expand(len(shown.cameras), -1)
        shown.pictures = self.pictures.new_empty(len(shown.cameras), 0)
        shown._ranges = shown._pixels_of_the_box()
        pictures = shown.rendered(networks, torch.arange(len(shown)))
        shown.pictures = (pictures.clamp(0.0, 1.0) * 255.0).round().byte()
        return shown

    def _pixels_of_the_box(self) -> Tensor:
        """First and last row, first and last column `[v, 4]` of the pixels that can show the field's box."""
        size = (self.height, self.width)
        whole = torch.tensor([0, self.height - 1, 0, self.width - 1], device=self.pictures.device)
        if self.signal.box is None:
            return whole.expand(len(self.pictures), 4)
        return seen_in(self.signal.box, self.cameras, self.intrinsics, *size)

    def drawn_share(self, views: Tensor) -> float:
        """Share of the pixels of `views` `[v]` that `draw` draws from."""
        first_row, last_row, first, last = self._ranges[views.to(self.pictures.device)].unbind(1)
        drawn = (last_row + 1 - first_row) * (last + 1 - first)
        return float(drawn.float().mean()) / (self.height * self.width)

    def truth(self, views: Tensor) -> Tensor:
        """Pictures `[v, height, width, 3]` in [0, 1]."""
        return self.pictures[views.to(self.pictures.device)].float() / 255.0

    def rendered(self, networks: InstanceNetworks, views: Tensor) -> Tensor:
        """What one scene's network shows from the same cameras, as `truth`."""
        size = (self.height, self.width)
        pictures = [
            self.signal.render_view(networks, self.cameras[view], self.intrinsics[view], *size).color[0]
            for view in views.tolist()
        ]
        return torch.stack(pictures)


def mean_psnr(made: Tensor, truth: Tensor) -> float:
    """In dB of pictures `[v, height, width, 3]` in [0, 1], mean over pictures."""
    return float(-10.0 * (made - truth).square().mean((1, 2, 3)).clamp(min=1e-8).log10().mean())
