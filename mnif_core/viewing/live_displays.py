"""Images and scenes on a page of our own, drawn anew for every browser's camera.

Shape letters: p pixels.
"""

import threading

import numpy as np
import torch
import viser
from torch import Tensor

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.viewing.live_view import JPEG_QUALITY, BrowserCamera, LiveView, Paint
from mnif_core.viewing.page_displays import DIRECTION, FACING, PageDisplay, Position, facing
from mnif_core.viewing.selection import NONE_FITTED, Fitted

BACK = 1.45  # times as far as the data's cameras stand
AROUND = 0.94  # grey in [0, 1] around an image


class LiveDisplay(PageDisplay):
    """Every browser's picture is computed from its own camera, at any resolution; subclasses say what rays see."""

    rows: int
    """Of the finest picture at first."""

    def __init__(self, server: viser.ViserServer, field: GenerativeField, fitted: Fitted = NONE_FITTED) -> None:
        self._views: dict[int, LiveView] = {}
        self._paint: Paint | None = None
        self._changing = threading.Lock()
        self._rows = self.rows
        super().__init__(server, field, fitted)
        server.on_client_connect(self._add_view)
        server.on_client_disconnect(self._remove_view)

    def draw(self, networks: InstanceNetworks) -> None:
        """See `PageDisplay`."""
        paint = self.painter(networks)
        with self._changing:
            self._paint = paint
            for view in self._views.values():
                view.show(paint)

    def painter(self, networks: InstanceNetworks) -> Paint:
        """What rays see of the one instance of `networks`."""
        raise NotImplementedError

    def add_controls(self) -> None:
        """See `PageDisplay`."""
        rows = self._server.gui.add_slider(
            "Resolution", 64, 1440, 16, self._rows, hint="Rows of the picture while the camera rests, in pixels"
        )

        def refine(_: object) -> None:
            with self._changing:
                self._rows = int(rows.value)
                for view in self._views.values():
                    view.refine_to(self._rows)

        rows.on_update(refine)

    def _add_view(self, client: viser.ClientHandle) -> None:
        def send(picture: np.ndarray) -> None:
            client.scene.set_background_image(picture, format="jpeg", jpeg_quality=JPEG_QUALITY)

        view = LiveView(lambda: BrowserCamera.of(client.camera), send, self._rows)
        with self._changing:
            self._views[client.client_id] = view
            if self._paint is not None:
                view.show(self._paint)
        client.camera.on_update(lambda _: view.look())
        view.start()

    def _remove_view(self, client: viser.ClientHandle) -> None:
        with self._changing:
            view = self._views.pop(client.client_id, None)
        if view is not None:
            view.close()


class ImageDisplay(LiveDisplay):
    """An image in the plane z = 0."""

    moving = FACING
    up = (0.0, 1.0, 0.0)
    rows = 720

    def painter(self, networks: InstanceNetworks) -> Paint:
        """See `LiveDisplay`."""
        return image_painter(ImageSignal.of(self._field.signal), networks)

    def first_position(self, aspect: float) -> Position:
        """See `PageDisplay`."""
        return facing(*half_sides(ImageSignal.of(self._field.signal)), aspect)


class SceneDisplay(LiveDisplay):
    """A scene around the origin, z up."""

    rows = 256

    def painter(self, networks: InstanceNetworks) -> Paint:
        """See `LiveDisplay`."""
        return scene_painter(SceneSignal.of(self._field.signal), networks)

    def first_position(self, aspect: float) -> Position:
        """See `PageDisplay`."""
        x, y, z = BACK * SceneSignal.of(self._field.signal).camera_distance * DIRECTION
        return float(x), float(y), float(z)


def half_sides(signal: ImageSignal) -> tuple[float, float]:
    """Half the width and half the height of an image in the plane z = 0; its longer side is 2."""
    longer = max(signal.width, signal.height)
    return signal.width / longer, signal.height / longer


def image_painter(signal: ImageSignal, networks: InstanceNetworks) -> Paint:
    """What rays see of the one image of `networks`."""
    device = networks.weights[0].device
    return lambda origin, directions: image_colours(signal, networks, origin.to(device), directions.to(device))


def scene_painter(signal: SceneSignal, networks: InstanceNetworks) -> Paint:
    """What rays see of the one scene of `networks`."""
    device = networks.weights[0].device
    occupancy = signal.occupancy(networks)

    def paint(origin: Tensor, directions: Tensor) -> Tensor:
        origins = origin.to(device).expand_as(directions)
        return signal.render_filled(networks, occupancy, origins, directions.to(device)).color

    return paint


def image_colours(signal: ImageSignal, networks: InstanceNetworks, origin: Tensor, directions: Tensor) -> Tensor:
    """Colours `[p, 3]` of an image that lies in the plane z = 0 around the origin, y up, seen along `directions`."""
    depth = -origin[2] / directions[:, 2]
    points = origin + depth.unsqueeze(1) * directions
    across, up = half_sides(signal)
    coordinates = torch.stack([-points[:, 1] / up, points[:, 0] / across], dim=-1)
    inside = (depth > 0) & (coordinates.abs() <= 1.0).all(1)
    colours = torch.full_like(directions, AROUND)
    if bool(inside.any()):
        values = networks(coordinates[inside][None])[0]
        colours[inside] = (values * 0.5 + 0.5).clamp(0.0, 1.0).expand(-1, 3)
    return colours
