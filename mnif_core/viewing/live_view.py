"""A browser's own picture, computed from its camera: coarse while the camera moves, finer and finer while it rests.

Shape letters: p pixels.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import viser
import viser.transforms
from torch import Tensor

from mnif_core.rendering.cameras import pixel_directions

PIXELS_PER_CHUNK = 4096  # after which a newer wish is heard
REST = 0.15  # seconds without movement before a finer picture is begun
BRIEF = 0.08  # seconds that a coarse picture may take
COARSEST = 32  # rows of pixels
JPEG_QUALITY = 92  # percent

Paint = Callable[[Tensor, Tensor], Tensor]
"""`(origin [3], directions [p, 3]) -> colours [p, 3] in [0, 1]` of one instance."""


@dataclass(frozen=True)
class BrowserCamera:
    """A pinhole camera with the principal point in the middle.

    Attributes:
        camera_to_world: `[3, 4]`, OpenGL axes.
        fov: vertical, in radians.
        aspect: width over height.
    """

    camera_to_world: Tensor
    fov: float
    aspect: float

    @classmethod
    def of(cls, camera: viser.CameraHandle) -> "BrowserCamera":
        """The camera of a browser; viser's own axes are OpenCV's."""
        rotation = viser.transforms.SO3(np.asarray(camera.wxyz)).as_matrix() * np.array([1.0, -1.0, -1.0])
        matrix = np.concatenate([rotation, np.asarray(camera.position)[:, None]], axis=1)
        return cls(torch.from_numpy(matrix).float(), float(camera.fov), float(camera.aspect))

    def directions(self, height: int) -> tuple[Tensor, int]:
        """Directions `[height * width, 3]` through the pixels, row by row, and the width that goes with `height`."""
        width = max(1, round(height * self.aspect))
        focal = 0.5 * height / np.tan(0.5 * self.fov)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        pixels = torch.stack([rows, columns], dim=-1).view(-1, 2)
        intrinsics = torch.tensor([focal, focal, width / 2, height / 2], dtype=torch.float32)
        return pixel_directions(pixels, intrinsics, self.camera_to_world), width


class LiveView:
    """Keeps one browser's background picture up to date, on a thread of its own.

    Args:
        camera: gives the browser's camera as it is now.
        send: takes a picture, uint8 `[height, width, 3]`.
        rows: of the finest picture.
    """

    def __init__(
        self,
        camera: Callable[[], BrowserCamera],
        send: Callable[[np.ndarray], None],
        rows: int,
    ) -> None:
        self._camera, self._send, self._rows = camera, send, rows
        self._paint: Paint | None = None
        self._coarse = COARSEST
        self._stirred, self._sending = threading.Event(), threading.Lock()
        self._open = True

    def start(self) -> None:
        """Begin to send pictures."""
        threading.Thread(target=self._work, name="live view", daemon=True).start()

    def close(self) -> None:
        """Send no more."""
        self._open = False
        self._stirred.set()

    def show(self, paint: Paint) -> None:
        """From now on only send pictures of the instance that `paint` paints."""
        with self._sending:
            self._paint = paint
        self._stirred.set()

    def refine_to(self, rows: int) -> None:
        """Let the finest picture have `rows`."""
        self._rows = rows
        self._stirred.set()

    def look(self) -> None:
        """The camera has moved."""
        self._stirred.set()

    def _work(self) -> None:
        while self._open:
            self._stirred.wait()
            self._stirred.clear()
            paint = self._paint
            if paint is None:
                continue
            began, drawn = time.monotonic(), self._coarse
            # a coarse picture is finished even if the camera moves on: else nothing would be seen of a long movement
            self._picture(paint, drawn, whole=True)
            self._coarse = self._brief_rows(time.monotonic() - began)
            for rows in (self._rows // 2, self._rows):
                if rows <= drawn:
                    continue
                if self._stirred.wait(REST) or not self._picture(paint, rows, whole=False):
                    break

    def _brief_rows(self, seconds: float) -> int:
        """Rows of a coarse picture that takes about `BRIEF`, judging by the last one."""
        rows = int(self._coarse * (BRIEF / max(seconds, 1e-4)) ** 0.5)
        return max(COARSEST, min(rows, 2 * self._coarse, self._rows))

    @torch.no_grad()
    def _picture(self, paint: Paint, rows: int, whole: bool) -> bool:
        """Compute and send a picture, unless something stirs first or another instance is to be shown."""
        camera = self._camera()
        directions, width = camera.directions(rows)
        parts = []
        for chunk in directions.split(PIXELS_PER_CHUNK):
            if not self._open or (not whole and self._stirred.is_set()) or paint is not self._paint:
                return False
            parts.append(paint(camera.camera_to_world[:, 3], chunk).cpu())
        colours = (torch.cat(parts).view(rows, width, 3).clamp(0.0, 1.0) * 255).round().byte().numpy()
        with self._sending:
            if paint is not self._paint:
                return False
            self._send(colours)
        return True
