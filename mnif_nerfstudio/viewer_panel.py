"""The viewer's panel: choose what cameras show, a training scene, a sample, or a point between two scenes.

nerfstudio runs a control's callback while it holds the training lock, so callbacks only note that something changed.
One thread of the panel's own then finds the latent, without the lock, and shows the latest choice.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import viser
from nerfstudio.viewer.viewer_elements import (
    ViewerButton,
    ViewerControl,
    ViewerDropdown,
    ViewerElement,
    ViewerNumber,
    ViewerSlider,
)
from torch import nn

from mnif_core.errors import MnifError
from mnif_nerfstudio.shown_scene import SAMPLERS, ShownScene, Source

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

    from mnif_nerfstudio.pipeline import MnifPipeline

VIEWER_SCALE = 10.0  # nerfstudio draws a unit as ten in the browser
FIRST_VIEW = (1.62, -1.34, 1.02)  # 1.8 times as far as SRN's cameras stand
FIRST_FOV = 0.7  # vertical, radians: an object of unit diagonal takes up two thirds of the height
SOURCES: dict[Source, str] = {"train": "Training scene", "sample": "Sample", "between": "Between two"}
UNTRAINED = "The prior was not trained yet: a Gaussian draw, not a sample. Press **New sample** once stage 2 runs."

Key = TypeVar("Key", bound=str)


class StatusLine(ViewerElement[str]):
    """A line of markdown among the controls."""

    def __init__(self) -> None:
        super().__init__("Status")
        self.text = ""
        self._markdown: viser.GuiMarkdownHandle | None = None

    def _create_gui_handle(self, viser_server: viser.ViserServer) -> None:
        self._markdown = viser_server.gui.add_markdown(self.text)

    def install(self, viser_server: viser.ViserServer) -> None:
        """Put the line into the folder that is being filled."""
        self._create_gui_handle(viser_server)

    def say(self, text: str) -> None:
        """Replace the line."""
        self.text = text
        if self._markdown is not None:
            self._markdown.content = text


class HintedButton(ViewerButton):
    """A button with a hint, which nerfstudio's own does not take."""

    def __init__(self, name: str, cb_hook: Callable[[ViewerButton], Any], hint: str) -> None:
        super().__init__(name, cb_hook)
        self.hint = hint

    def _create_gui_handle(self, viser_server: viser.ViserServer) -> None:
        self.gui_handle = viser_server.gui.add_button(label=self.name, hint=self.hint)


class Connection(ViewerControl):
    """Tells the panel which viewer it is in."""

    def __init__(self, connect: "Callable[[Viewer], None]") -> None:
        self._connect = connect

    def _setup(self, viewer: "Viewer") -> None:
        super()._setup(viewer)
        self._connect(viewer)


class ViewerPanel(nn.Module):
    """Controls of the shown scene, found by nerfstudio's viewer as attributes of the pipeline.

    A module without parameters, since nerfstudio looks for controls in modules only. Without a viewer it starts no
    thread and does nothing.

    Args:
        pipeline: gives the model and the datamanager; it may hold this panel.
    """

    _pipeline: "MnifPipeline"

    def __init__(self, pipeline: "MnifPipeline") -> None:
        super().__init__()
        # past nn.Module, which would make the pipeline a submodule of its own submodule
        object.__setattr__(self, "_pipeline", pipeline)
        self._changed = threading.Event()
        self._served: ShownScene | None = None
        self._drawn: int | None = -1  # nerfstudio draws first, so the panel redraws whatever it shows
        self._add_controls(pipeline.mnif.shown, len(pipeline.mnif.scene_names), pipeline.mnif.prior.config.steps)

    def _add_controls(self, shown: ShownScene, scenes: int, max_steps: int) -> None:
        def slider(name: str, value: float, low: float, high: float, step: float, hint: str, **state: bool) -> Any:
            return ViewerSlider(name, value, low, high, step, cb_hook=self.refresh, hint=hint, **state)

        last, single = max(scenes - 1, 1), {"disabled": scenes == 1}
        scene, other = min(shown.scene, last), min(shown.other, last)
        self.connection = Connection(self.connect)
        # the viewer orders controls by attribute name
        self.v_01_status = StatusLine()
        self.v_02_source = ViewerDropdown(
            "Source",
            SOURCES[shown.source],
            list(SOURCES.values()),
            cb_hook=self.refresh,
            hint="Show a training scene, a sample of the prior, or a point between two training scenes",
        )
        self.v_03_scene = slider("Scene", scene, 0, last, 1, "Number of the training scene", **single)
        self.v_04_other = slider("Second scene", other, 0, last, 1, "Training scene at mix 1", **single)
        self.v_05_mix = slider("Mix", shown.mix, 0.0, 1.0, 0.01, "0 is the first scene, 1 the second")
        self.v_06_seed = ViewerNumber("Seed", shown.seed, cb_hook=self.refresh, hint="Each seed is another sample")
        self.v_07_sampler = ViewerDropdown(
            "Sampler",
            SAMPLERS[shown.sampler],
            list(SAMPLERS.values()),
            cb_hook=self.refresh,
            hint="DPM-Solver++ and DDIM need few steps; DDPM is the ancestral sampler of the paper and needs many",
        )
        self.v_08_steps = slider("Steps", min(shown.steps, max_steps), 1, max_steps, 1, "Reverse diffusion steps")
        self.v_09_new_sample = HintedButton("New sample", self._new_sample, "Sample with the next seed")
        self._show_controls_of(shown.source)

    def wanted(self) -> ShownScene:
        """What the controls ask for.

        Raises:
            ConfigError: numbers out of range.
        """
        return ShownScene(
            source=_key_of(self.v_02_source.value, SOURCES),
            scene=int(self.v_03_scene.value),
            other=int(self.v_04_other.value),
            mix=float(self.v_05_mix.value),
            seed=int(self.v_06_seed.value),
            sampler=_key_of(self.v_07_sampler.value, SAMPLERS),
            steps=int(self.v_08_steps.value),
        )

    def refresh(self, _: Any = None) -> None:
        """Have the panel's thread show what the controls ask for; returns at once."""
        self._show_controls_of(_key_of(self.v_02_source.value, SOURCES))
        self._changed.set()

    def connect(self, viewer: "Viewer") -> None:
        """Serve `viewer`: frame the object for each browser, and show what the controls ask for."""
        viewer.viser_server.on_client_connect(_frame_object)
        self.refresh()
        threading.Thread(target=self._work, args=(viewer,), name="viewer panel", daemon=True).start()

    def _new_sample(self, _: Any) -> None:
        self.v_06_seed.value = int(self.v_06_seed.value) + 1
        self.v_02_source.value = SOURCES["sample"]
        self.refresh()

    def _show_controls_of(self, source: Source) -> None:
        sources: dict[ViewerElement[Any], tuple[Source, ...]] = {
            self.v_03_scene: ("train", "between"),
            self.v_04_other: ("between",),
            self.v_05_mix: ("between",),
            self.v_06_seed: ("sample",),
            self.v_07_sampler: ("sample",),
            self.v_08_steps: ("sample",),
        }
        for element, where in sources.items():
            element.visible = source in where
            if element.gui_handle is not None:
                element.set_visible(element.visible)

    def _work(self, viewer: "Viewer") -> None:
        # nerfstudio draws its cameras after it has loaded the checkpoint, and only then has a train_state
        while not hasattr(viewer, "train_state"):
            time.sleep(0.05)
        while True:
            self._changed.wait()
            self._changed.clear()
            try:
                self._serve(viewer, self.wanted())
            except MnifError as error:
                self.v_01_status.say(f"**Not shown:** {error}")
            except Exception as error:
                logging.getLogger(__name__).exception("the viewer panel could not show the scene")
                self.v_01_status.say(f"**Not shown:** {type(error).__name__}: {error}")

    def _serve(self, viewer: "Viewer", shown: ShownScene) -> None:
        """Show `shown`, or nothing if the controls have moved on meanwhile: then this runs again."""
        if shown == self._served:
            return
        self._served = None
        model = self._pipeline.mnif
        trained = model.prior_is_trained
        if shown.source == "sample":
            self.v_01_status.say("Sampling ...")
        latent = model.latent_of(shown)
        with viewer.train_lock or contextlib.nullcontext():
            if shown != self.wanted():
                return
            model.show(shown, latent)
        # a browser that is just coming or going has no renderer
        with contextlib.suppress(KeyError):
            viewer._trigger_rerender()
        self._draw_cameras(viewer, shown.scene if shown.source == "train" else None)
        self._served = shown
        text = f"Shown: {shown.describe(model.scene_names)}."
        self.v_01_status.say(text if trained or shown.source != "sample" else f"{text}\n\n{UNTRAINED}")

    def _draw_cameras(self, viewer: "Viewer", scene: int | None) -> None:
        """Let the viewer hold the cameras of `scene` only, or none."""
        if scene == self._drawn:
            return
        for handle in viewer.camera_handles.values():
            handle.remove()
        viewer.camera_handles, self._drawn = {}, None
        if scene is not None:
            data = self._pipeline.datamanager
            data.display(scene)
            viewer.init_scene(data.train_dataset, viewer.train_state, data.eval_dataset)
            if not viewer.hide_images.visible:
                viewer.set_camera_visibility(False)
        self._drawn = scene


def _key_of(label: str, labels: dict[Key, str]) -> Key:
    return next(key for key, value in labels.items() if value == label)


def _frame_object(client: viser.ClientHandle) -> None:
    client.camera.up_direction = (0.0, 0.0, 1.0)
    x, y, z = FIRST_VIEW
    client.camera.position = (VIEWER_SCALE * x, VIEWER_SCALE * y, VIEWER_SCALE * z)
    client.camera.look_at = (0.0, 0.0, 0.0)
    client.camera.fov = FIRST_FOV
