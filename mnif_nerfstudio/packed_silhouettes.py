"""Silhouettes of packed scenes."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnif_core.data.visual_hull import Silhouettes


class PackedSilhouettes:
    """The silhouettes of each scene of a cache, read when they are asked for.

    Args:
        cameras: of all views, and where each view's foreground starts, as the cache holds them.
        foreground: pixel indices of all views one after another.
        height: rows of every view.
        width: columns of every view.
    """

    def __init__(
        self, cameras: dict[str, NDArray[Any]], foreground: NDArray[np.uint32], height: int, width: int
    ) -> None:
        self._cameras, self._foreground, self._size = cameras, foreground, (height, width)
        self._ends = np.cumsum(cameras["views_per_scene"])

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, scene: int) -> Silhouettes:
        """Of one scene."""
        end = int(self._ends[scene])
        start = end - int(self._cameras["views_per_scene"][scene])
        filled = np.zeros((end - start, self._size[0] * self._size[1]), dtype=bool)
        offsets = self._cameras["foreground_offsets"]
        for row, view in enumerate(range(start, end)):
            filled[row, self._foreground[offsets[view] : offsets[view + 1]]] = True
        poses, intrinsics = (
            torch.from_numpy(self._cameras[name][start:end]) for name in ("camera_to_worlds", "intrinsics")
        )
        return Silhouettes(torch.from_numpy(filled).unflatten(1, self._size), poses, intrinsics)
