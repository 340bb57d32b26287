"""The panel in nerfstudio's viewer: the controls of `mnif_core.viewing`, steering what its cameras show.

nerfstudio finds controls as attributes of the pipeline and puts them in a folder; this panel is one of them and fills
the folder with all the others. nerfstudio runs an element's callback while it holds the training lock; these controls
talk to viser directly and never do.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import viser
from nerfstudio.viewer.viewer_elements import ViewerControl, ViewerElement
from torch import Tensor, nn

from mnif_core.generative_field import GenerativeField
from mnif_core.viewing.selection import Fitted, Selection
from mnif_core.viewing.steering import Steering
from mnif_nerfstudio.datamanager import MultiSceneDataManager
from mnif_nerfstudio.model import MnifModel

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

VIEWER_SCALE = 10.0  # nerfstudio draws a unit as ten in the browser
FIRST_VIEW = (1.62, -1.34, 1.02)  # world units: 1.8 times as far as SRN's cameras stand
FIRST_FOV = 0.7  # vertical, radians: an object of unit diagonal takes up two thirds of the height


class FolderOfControls(ViewerElement[str]):
    """An element that fills the folder which nerfstudio is filling."""

    def __init__(self, fill: Callable[[viser.ViserServer], None]) -> None:
        super().__init__("mnif")
        self._fill = fill

    def _create_gui_handle(self, viser_server: viser.ViserServer) -> None:
        self._fill(viser_server)

    def install(self, viser_server: viser.ViserServer) -> None:
        """Put the controls into the folder."""
        self._create_gui_handle(viser_server)


class Connection(ViewerControl):
    """Tells the panel which viewer it is in."""

    def __init__(self, connect: "Callable[[Viewer], None]") -> None:
        self._connect = connect

    def _setup(self, viewer: "Viewer") -> None:
        super()._setup(viewer)
        self._connect(viewer)


class NerfstudioDisplay:
    """nerfstudio's viewer and the model that it renders, as `mnif_core.viewing.display.Display` asks."""

    def __init__(self, model: MnifModel, data: MultiSceneDataManager) -> None:
        self.model, self._data = model, data
        self.viewer: Viewer | None = None
        self._drawn: int | None = -1  # nerfstudio draws first, so the panel redraws whatever it shows

    def field(self) -> GenerativeField:
        """See `Display`."""
        return self.model.generative_field()

    @property
    def fitted(self) -> Fitted:
        """See `Display`."""
        return self.model.fitted

    def version(self, selection: Selection) -> int:
        """See `Display`. Only samples depend on the prior."""
        model = self.model
        return model.fit_updates + (model.prior_updates if selection.source == "sample" else 0)

    def held(self) -> AbstractContextManager[object]:
        """See `Display`."""
        lock = self.viewer.train_lock if self.viewer is not None else None
        return lock or contextlib.nullcontext()

    def watched(self) -> bool:
        """See `Display`."""
        return self.viewer is not None and bool(self.viewer.viser_server.get_clients())

    def show(self, selection: Selection, latent: Tensor, wanted: Callable[[], bool]) -> bool:
        """See `Display`."""
        assert self.viewer is not None
        with self.held():
            if not wanted():
                return False
            self.model.show(selection, latent)
        # a browser that is just coming or going has no renderer
        with contextlib.suppress(KeyError):
            self.viewer._trigger_rerender()
        self._draw_cameras(self.viewer, selection.scene if selection.is_trained_on else None)
        return True

    def _draw_cameras(self, viewer: "Viewer", scene: int | None) -> None:
        """Let the viewer hold the cameras of `scene` only, or none."""
        if scene == self._drawn:
            return
        for handle in viewer.camera_handles.values():
            handle.remove()
        viewer.camera_handles, self._drawn = {}, None
        if scene is not None:
            data = self._data
            data.display(scene)
            viewer.init_scene(data.train_dataset, viewer.train_state, data.eval_dataset)
            if not viewer.hide_images.visible:
                viewer.set_camera_visibility(False)
        self._drawn = scene


class ViewerPanel(nn.Module):
    """The panel, found by nerfstudio's viewer as an attribute of the pipeline.

    A module without parameters, since nerfstudio looks for controls in modules only. Without a viewer it starts no
    thread and does nothing.

    Args:
        model: whose scenes are shown.
        data: gives the cameras of training scenes.
    """

    def __init__(self, model: MnifModel, data: MultiSceneDataManager) -> None:
        super().__init__()
        self._display = NerfstudioDisplay(model, data)
        self._steering: Steering | None = None
        self.controls = FolderOfControls(self.fill)
        self.connection = Connection(self.connect)

    def fill(self, server: viser.ViserServer) -> None:
        """Put all controls into the folder that is being filled."""
        self._steering = Steering(server, self._display, self._display.model.shown)

    def connect(self, viewer: "Viewer") -> None:
        """Serve `viewer`, whose folder is filled: frame the object for each browser, and show what is asked for."""
        viewer.viser_server.on_client_connect(_frame_object)
        threading.Thread(target=self._begin, args=(viewer,), name="viewer panel", daemon=True).start()

    def _begin(self, viewer: "Viewer") -> None:
        # nerfstudio draws its cameras after it has loaded the checkpoint, and only then has a train_state
        while not hasattr(viewer, "train_state"):
            time.sleep(0.05)
        assert self._steering is not None
        self._display.viewer = viewer
        self._steering.start()


def _frame_object(client: viser.ClientHandle) -> None:
    client.camera.up_direction = (0.0, 0.0, 1.0)
    x, y, z = FIRST_VIEW
    client.camera.position = (VIEWER_SCALE * x, VIEWER_SCALE * y, VIEWER_SCALE * z)
    client.camera.look_at = (0.0, 0.0, 0.0)
    client.camera.fov = FIRST_FOV
