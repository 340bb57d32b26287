"""How a page of our own shows an instance: images and scenes as live views, solids as meshes.

Shape letters: p pixels.
"""

import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
import viser
from torch import Tensor

from mnif_core.field_folder import Signal
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.sheets import SHAPE_COLOUR
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal
from mnif_core.viewing.live_view import JPEG_QUALITY, BrowserCamera, LiveView, Paint
from mnif_core.viewing.selection import NONE_FITTED, Fitted, Selection, networks_of

FOV = 0.7  # vertical, radians
BACK = 1.45  # times as far as the data's cameras stand
MARGIN = 1.08  # of the window, over the picture that it shows at first
DIRECTION = np.array([0.69, -0.57, 0.44])  # from the origin to the first camera, of length 1
AROUND = 0.94  # grey around an image
SCENE_ROWS, IMAGE_ROWS = 256, 720  # of the finest picture at first

Position = tuple[float, float, float]


class PageStage:
    """A saved field on a page: see `Display`. Subclasses say what an instance looks like."""

    moving = "Drag to turn, drag with the right button to shift, wheel to zoom."

    def __init__(self, server: viser.ViserServer, field: GenerativeField, fitted: Fitted = NONE_FITTED) -> None:
        self._server, self._field, self._fitted = server, field, fitted
        server.on_client_connect(self._frame)

    def field(self) -> GenerativeField:
        """See `Display`."""
        return self._field

    @property
    def fitted(self) -> Fitted:
        """See `Display`."""
        return self._fitted

    def version(self, selection: Selection) -> int:
        """See `Display`. A saved field does not change."""
        return 0

    def held(self) -> AbstractContextManager[object]:
        """See `Display`."""
        return nullcontext()

    def watched(self) -> bool:
        """See `Display`."""
        return bool(self._server.get_clients())

    def show(self, selection: Selection, latent: Tensor, wanted: Callable[[], bool]) -> bool:
        """See `Display`."""
        if not wanted():
            return False
        self.draw(networks_of(self._field, selection, latent, self._fitted))
        return True

    def draw(self, networks: InstanceNetworks) -> None:
        """Show one instance in every browser."""
        raise NotImplementedError

    def add_controls(self) -> None:
        """Add what only this page has to the folder that is being filled."""
        raise NotImplementedError

    def first_position(self, aspect: float) -> Position:
        """Where the camera stands at first, in a window of `aspect` (width over height)."""
        raise NotImplementedError

    def _frame(self, client: viser.ClientHandle) -> None:
        client.camera.up_direction = (0.0, 1.0, 0.0) if isinstance(self._field.signal, ImageSignal) else (0.0, 0.0, 1.0)
        client.camera.position = self.first_position(client.camera.aspect)
        client.camera.look_at = (0.0, 0.0, 0.0)
        client.camera.fov = FOV


class LiveStage(PageStage):
    """Images and scenes: every browser's picture is computed from its own camera, at any resolution."""

    def __init__(self, server: viser.ViserServer, field: GenerativeField, fitted: Fitted = NONE_FITTED) -> None:
        self._views: dict[int, LiveView] = {}
        self._paint: Paint | None = None
        self._changing = threading.Lock()
        self._rows = SCENE_ROWS
        if isinstance(field.signal, ImageSignal):
            self._rows = IMAGE_ROWS
            self.moving = "Wheel to zoom, drag with the right button to shift, drag to tilt."
        super().__init__(server, field, fitted)
        server.on_client_connect(self._add_view)
        server.on_client_disconnect(self._remove_view)

    def draw(self, networks: InstanceNetworks) -> None:
        """See `PageStage`."""
        paint = painter(self._field.signal, networks)
        with self._changing:
            self._paint = paint
            for view in self._views.values():
                view.show(paint)

    def add_controls(self) -> None:
        """See `PageStage`."""
        rows = self._server.gui.add_slider(
            "Resolution", 64, 1440, 16, self._rows, hint="Rows of the picture while the camera rests, in pixels"
        )

        def refine(_: object) -> None:
            with self._changing:
                self._rows = int(rows.value)
                for view in self._views.values():
                    view.refine_to(self._rows)

        rows.on_update(refine)

    def first_position(self, aspect: float) -> Position:
        """See `PageStage`."""
        signal = self._field.signal
        if isinstance(signal, ImageSignal):
            across, up = half_sides(signal)
            return 0.0, 0.0, MARGIN * max(up, across / aspect) / math.tan(0.5 * FOV)
        assert isinstance(signal, SceneSignal)
        x, y, z = BACK * signal.camera_distance * DIRECTION
        return float(x), float(y), float(z)

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


class MeshStage(PageStage):
    """Solids: a mesh that the browser draws itself."""

    def __init__(self, server: viser.ViserServer, field: GenerativeField, fitted: Fitted = NONE_FITTED) -> None:
        super().__init__(server, field, fitted)
        assert isinstance(field.signal, VoxelSignal)
        self._signal, self._cells = field.signal, field.signal.resolution
        self._networks: InstanceNetworks | None = None
        self._changing = threading.Lock()

    def draw(self, networks: InstanceNetworks) -> None:
        """See `PageStage`. A solid with nothing inside leaves a note instead."""
        with self._changing:
            self._networks = networks
            mesh = self._signal.meshes(networks, self._cells)[0]
            if len(mesh.faces) == 0:
                mesh.vertices, mesh.faces = np.zeros((3, 3)), np.array([[0, 1, 2]])
            self._server.scene.add_mesh_simple(
                "/solid",
                np.asarray(mesh.vertices, dtype=np.float32),
                np.asarray(mesh.faces),
                color=SHAPE_COLOUR,
                side="double",
            )

    def add_controls(self) -> None:
        """See `PageStage`."""
        highest = max(256, self._cells)
        cells = self._server.gui.add_slider(
            "Resolution", 8, highest, 8, self._cells, hint="Cells along each side of the cube: more is finer and slower"
        )

        def refine(_: object) -> None:
            self._cells = int(cells.value)
            if self._networks is not None:
                self.draw(self._networks)

        cells.on_update(refine)

    def first_position(self, aspect: float) -> Position:
        """See `PageStage`."""
        x, y, z = 2.2 * DIRECTION
        return float(x), float(y), float(z)


def half_sides(signal: ImageSignal) -> tuple[float, float]:
    """Half the width and half the height of an image in the plane z = 0; its longer side is 2."""
    longer = max(signal.width, signal.height)
    return signal.width / longer, signal.height / longer


def painter(signal: Signal, networks: InstanceNetworks) -> Paint:
    """What rays see of the one image or scene of `networks`."""
    device = networks.weights[0].device
    if isinstance(signal, ImageSignal):
        return lambda origin, directions: image_colours(signal, networks, origin.to(device), directions.to(device))
    assert isinstance(signal, SceneSignal)
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
