"""All views of all scenes as one packed array with cameras; rays are made only for the pixels that a step draws.

Shape letters: s scenes, v views drawn of a scene, p pixels drawn of a view, r = s v p rays.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from mnif_core.data.instances import AS_WRITTEN
from mnif_core.data.scene_folders import split_views
from mnif_core.files.cache_folder import cache_folder
from mnif_core.rendering.box import Box, pixels_of_points
from mnif_core.rendering.cameras import CameraReading, pixel_directions
from mnif_nerfstudio.scene_cache import cached

SET_APART = 4  # one pixel in so many judges latents
COPIED_AT_ONCE = 1024  # views moved to the GPU in one piece: bounds host memory


class PixelBatch(NamedTuple):
    """Rays through drawn pixels, contiguous by scene, and what is seen along them.

    Attributes:
        origins: `[r, 3]`.
        directions: `[r, 3]`, unit length.
        directions_norm: `[r, 1]`, length before normalising, where z = -1 in the camera.
        colors: `[r, 3]` in [0, 1].
        view: `[r]` which view of the store.
    """

    origins: Tensor
    directions: Tensor
    directions_norm: Tensor
    colors: Tensor
    view: Tensor

    def pinned(self) -> "PixelBatch":
        """In host memory that a GPU copies from without waiting."""
        return PixelBatch(*(part.pin_memory() for part in self))

    def to(self, device: torch.device | str) -> "PixelBatch":
        """On `device`."""
        return PixelBatch(*(part.to(device, non_blocking=True) for part in self))


class SceneStore:
    """Memory-mapped views and cameras of many scenes. Use `open`.

    Attributes:
        images: uint8 `[views, height, width, 3]`.
        camera_to_worlds: `[views, 3, 4]`, OpenGL axes.
        intrinsics: `[views, 4]`, fx, fy, cx, cy in pixels.
        scene_of_view: `[views]`.
        is_held_out: `[views]`, views that training does not see.
        scene_names: in the order of the scenes.
        image_filenames: `<instance>/rgb/<view>.png` of every view.
        background: colour behind all objects, red, green, blue in [0, 1]. None: no plain one.
        box: what holds all objects, by their silhouettes. None: there are none.
    """

    def __init__(self, folder: Path, instances: Sequence[Path], held_out_views: int) -> None:
        cameras = load_file(folder / "cameras.safetensors")
        description = json.loads((folder / "store.json").read_text())
        self.scene_names: list[str] = description["scene_names"]
        colour, box = description["background"], description["box"]
        self.background = None if colour is None else tuple(channel / 255.0 for channel in colour)
        self.box: Box | None = None if box is None else (tuple(box[0]), tuple(box[1]))
        self.image_filenames: list[str] = description["image_filenames"]
        self.images = _mapped(folder / "images.npy")
        self.foreground = _mapped(folder / "foreground.npy")
        self.foreground_offsets = cameras["foreground_offsets"]
        self.camera_to_worlds, self.intrinsics = cameras["camera_to_worlds"], cameras["intrinsics"]
        counts = cameras["views_per_scene"]
        self.scene_of_view = torch.arange(len(counts)).repeat_interleave(counts)
        self.first_view = torch.cumsum(counts, 0) - counts
        self.is_held_out = torch.zeros(len(self.scene_of_view), dtype=torch.bool)
        for instance, first, count in zip(instances, self.first_view.tolist(), counts.tolist(), strict=True):
            self.is_held_out[first + split_views(count, held_out_views, instance)[1]] = True
        self.training_views = (~self.is_held_out).nonzero().flatten()
        self.training_counts = torch.bincount(self.scene_of_view[self.training_views], minlength=len(counts))
        self.training_starts = torch.cumsum(self.training_counts, 0) - self.training_counts

    @classmethod
    def open(
        cls,
        instances: Sequence[Path],
        held_out_views: int,
        cache_dir: Path | None = None,
        reading: CameraReading = AS_WRITTEN,
    ) -> "SceneStore":
        """Open the packed views of `instances`, packing them first if the cache lacks them or they have changed.

        Raises:
            DataError: see `scene_cache.cached` and `split_views`.
        """
        return cls(cached(instances, cache_dir or cache_folder(), reading), instances, held_out_views)

    @property
    def num_scenes(self) -> int:
        """Scenes in all."""
        return len(self.scene_names)

    @property
    def height(self) -> int:
        """Rows of every view."""
        return int(self.images.shape[1])

    @property
    def width(self) -> int:
        """Columns of every view."""
        return int(self.images.shape[2])

    @property
    def camera_distance(self) -> float:
        """Median distance of the cameras to the origin."""
        return float(self.camera_to_worlds[..., 3].norm(dim=-1).median())

    def view(self, index: int) -> tuple[NDArray[np.uint8], Tensor, Tensor]:
        """Pixels `[height, width, 3]`, camera-to-world `[3, 4]` and intrinsics `[4]` of one view."""
        return self.images[index].cpu().numpy(), self.camera_to_worlds[index].cpu(), self.intrinsics[index].cpu()

    def views_of(self, scene: int, held_out: bool) -> Tensor:
        """Indices of a scene's held-out or training views."""
        return ((self.scene_of_view == scene) & (self.is_held_out == held_out)).nonzero().flatten()

    def resident(self, device: torch.device | str) -> bool:
        """Move everything that a step reads to a GPU with room for it; returns whether it is there."""
        device = torch.device(device)
        if device.type != "cuda":
            return False
        if torch.cuda.mem_get_info(device)[0] < 2 * (self.images.nbytes + self.foreground.nbytes):
            return False
        images = torch.empty(self.images.shape, dtype=torch.uint8, device=device)
        for target, part in zip(images.split(COPIED_AT_ONCE), self.images.split(COPIED_AT_ONCE), strict=True):
            target.copy_(part)
        self.images = images
        for name in (
            "foreground",
            "foreground_offsets",
            "camera_to_worlds",
            "intrinsics",
            "training_views",
            "training_counts",
            "training_starts",
        ):
            setattr(self, name, getattr(self, name).to(device))
        return True

    def sample_pixels(
        self,
        scenes: Tensor,
        views_per_scene: int,
        pixels_per_view: int,
        foreground_share: float,
        generator: torch.Generator,
        box: Box | None = None,
        judging: bool | None = None,
    ) -> PixelBatch:
        """Draw training views of each scene and pixels of each view, both with replacement.

        Args:
            scenes: `[s]`.
            views_per_scene: v.
            pixels_per_view: p.
            foreground_share: expected share in [0, 1] of pixels drawn from those that are not background.
            generator: of random numbers, on the store's device: nothing has to be transferred.
            box: what rays meet, but for the foreground's (`pixels_of_points`). None: anything.
            judging: true for pixels of a pattern over every view, one of `SET_APART`, false for all others. None: all.
        """
        device = self.images.device
        shape = (len(scenes), views_per_scene)
        scenes = scenes.to(device)[:, None]
        chance = torch.rand(shape, generator=generator, device=device)
        position = (chance * self.training_counts[scenes]).long()
        views = self.training_views[self.training_starts[scenes] + position].flatten()
        pixels = self._draw_pixels(views, pixels_per_view, foreground_share, generator, box).flatten()
        views = views.repeat_interleave(pixels_per_view)
        rows = torch.div(pixels, self.width, rounding_mode="floor")
        columns = pixels - rows * self.width
        if judging is not None:
            columns = self._nearest_columns(rows, columns, judging)
        cameras = self.camera_to_worlds[views]
        directions = pixel_directions(torch.stack([rows, columns], dim=-1), self.intrinsics[views], cameras)
        norms = directions.norm(dim=-1, keepdim=True)
        colors = self.images[views, rows, columns].float() / 255.0
        return PixelBatch(cameras[..., 3], directions / norms, norms, colors, views)

    def _nearest_columns(self, rows: Tensor, columns: Tensor, judging: bool) -> Tensor:
        """Columns moved to the nearest of a row that judge, where (row + column) is a multiple, or that do not."""
        off = (rows + columns) % SET_APART
        moved = columns - off if judging else columns + (off == 0).long()
        moved = torch.where(moved < 0, moved + SET_APART, moved)
        return torch.where(moved < self.width, moved, moved - (SET_APART if judging else 2))

    def _draw_pixels(
        self, views: Tensor, count: int, share: float, generator: torch.Generator, box: Box | None
    ) -> Tensor:
        """Pixel indices `[views drawn, count]`."""
        shape, device = (len(views), count), self.images.device
        if box is None:
            pixels = torch.randint(self.height * self.width, shape, generator=generator, device=device)
        else:
            cameras = self.camera_to_worlds[views], self.intrinsics[views]
            chances = torch.rand(3, *shape, generator=generator, device=device)
            rows, columns = pixels_of_points(box, *cameras, self.height, self.width, chances)
            pixels = rows * self.width + columns
        if share > 0.0:
            start, end = self.foreground_offsets[views][:, None], self.foreground_offsets[views + 1][:, None]
            chance = torch.rand(shape, generator=generator, device=device, dtype=torch.float64)
            inside = start + (chance * (end - start)).long()
            wanted = (torch.rand(shape, generator=generator, device=device) < share) & (end > start)
            inside = torch.where(wanted, inside, 0)
            if len(self.foreground):
                drawn = self.foreground[inside].long().clamp(0, self.height * self.width - 1)  # the disk may err
                pixels = torch.where(wanted, drawn, pixels)
        return pixels


def _mapped(path: Path) -> Tensor:
    """A read-only array as a tensor, without reading it; torch has no uint32 indexing, its bits serve as int32."""
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    return torch.from_numpy(array.view(np.int32) if array.dtype == np.uint32 else array)
