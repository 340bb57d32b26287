"""How a page of our own shows an instance: as a mesh or as a picture; what is drawn anew all along: `live_displays`."""

import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import viser
from torch import Tensor

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.solid_pictures import SHAPE_COLOUR
from mnif_core.signals.voxels import VoxelSignal
from mnif_core.viewing.selection import NONE_FITTED, Fitted, Selection, networks_of

FOV = 0.7  # radians, vertical
MARGIN = 1.08  # of the window, over the picture that it shows at first
DIRECTION = np.array([0.69, -0.57, 0.44])  # from the origin to the first camera, of length 1
PICTURE_ROWS = 256  # pixels, at first
FACING = "Wheel to zoom, drag with the right button to shift, drag to tilt."

Position = tuple[float, float, float]


class PageDisplay:
    """A saved field on a page: see `Display`. Subclasses say what an instance looks like."""

    moving = "Drag to turn, drag with the right button to shift, wheel to zoom."
    up = (0.0, 0.0, 1.0)

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
        client.camera.up_direction = self.up
        client.camera.position = self.first_position(client.camera.aspect)
        client.camera.look_at = (0.0, 0.0, 0.0)
        client.camera.fov = FOV


class MeshDisplay(PageDisplay):
    """Solids: a mesh that the browser draws itself."""

    def __init__(self, server: viser.ViserServer, field: GenerativeField, fitted: Fitted = NONE_FITTED) -> None:
        super().__init__(server, field, fitted)
        self._signal = VoxelSignal.of(field.signal)
        self._cells = self._signal.resolution
        self._networks: InstanceNetworks | None = None
        self._changing = threading.Lock()

    def draw(self, networks: InstanceNetworks) -> None:
        """See `PageDisplay`. A solid with nothing inside leaves a note instead."""
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
        """See `PageDisplay`."""
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
        """See `PageDisplay`."""
        x, y, z = 2.2 * DIRECTION
        return float(x), float(y), float(z)


class PictureDisplay(PageDisplay):
    """Instances of any kind, each by its picture: it stands upright in the plane z = 0, and its longer side is 2."""

    moving = FACING
    up = (0.0, 1.0, 0.0)

    def __init__(self, server: viser.ViserServer, field: GenerativeField, fitted: Fitted = NONE_FITTED) -> None:
        super().__init__(server, field, fitted)
        self._rows = PICTURE_ROWS
        self._networks: InstanceNetworks | None = None
        self._changing = threading.Lock()

    def draw(self, networks: InstanceNetworks) -> None:
        """See `PageDisplay`."""
        with self._changing:
            self._networks = networks
            picture = (self._field.signal.picture(networks, self._rows) * 255).round().byte().cpu().numpy()
            height, width = picture.shape[:2]
            longer = max(height, width)
            # viser's images have y down
            self._server.scene.add_image(
                "/picture", picture, 2 * width / longer, 2 * height / longer, wxyz=(0.0, 1.0, 0.0, 0.0)
            )

    def add_controls(self) -> None:
        """See `PageDisplay`."""
        rows = self._server.gui.add_slider(
            "Resolution", 16, 1440, 16, self._rows, hint="Rows of the picture, in pixels"
        )

        def refine(_: object) -> None:
            self._rows = int(rows.value)
            if self._networks is not None:
                self.draw(self._networks)

        rows.on_update(refine)

    def first_position(self, aspect: float) -> Position:
        """See `PageDisplay`."""
        return facing(1.0, 1.0, aspect)


def facing(across: float, up: float, aspect: float) -> Position:
    """Where a camera sees all of a picture in the plane z = 0, given half of its sides and the window's aspect."""
    return 0.0, 0.0, MARGIN * max(up, across / aspect) / math.tan(0.5 * FOV)
