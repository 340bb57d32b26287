"""The panel against a model whose sampling can be held up: callbacks return, the latest choice wins, errors show."""

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import viser
from nerfstudio.viewer.utils import parse_object
from nerfstudio.viewer.viewer_elements import ViewerControl, ViewerElement
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_nerfstudio.shown_scene import ShownScene
from mnif_nerfstudio.viewer_panel import ViewerPanel

PATIENCE = 20.0


class Model(nn.Module):
    """Samples wait for `gate`; seeds 101 and 103 fail."""

    def __init__(self, scenes: int = 5) -> None:
        super().__init__()
        self.scene_names = [f"car{scene}" for scene in range(scenes)]
        self.prior = SimpleNamespace(config=SimpleNamespace(steps=1000))
        self.prior_is_trained = True
        self.shown = ShownScene()
        self.history: list[ShownScene] = []
        self.asked: list[ShownScene] = []
        self.gate = threading.Event()
        self.gate.set()

    def latent_of(self, shown: ShownScene) -> Tensor:
        self.asked.append(shown)
        if shown.source == "sample":
            self.gate.wait()
            if shown.seed == 101:
                raise ConfigError("no such sample; choose another")
            if shown.seed == 103:
                raise RuntimeError("out of memory")
        return torch.full((1, 2), float(shown.seed))

    def show(self, shown: ShownScene, latent: Tensor | None = None) -> None:
        assert latent is not None, "showing without a latent would sample under the lock"
        self.shown = shown
        self.history.append(shown)


class DataManager:
    def __init__(self) -> None:
        self.train_dataset: list[str] = []
        self.eval_dataset: list[str] = []
        self.display(0)

    def display(self, scene: int) -> None:
        # scenes differ in how many cameras they have
        self.train_dataset = [f"camera {view} of scene {scene}" for view in range(6 - scene)]


class Pipeline(nn.Module):
    def __init__(self, scenes: int = 5) -> None:
        super().__init__()
        self.mnif = Model(scenes)
        self.datamanager = DataManager()
        self.panel = ViewerPanel(self)  # type: ignore[arg-type]


class Frustum:
    def __init__(self, name: str, drawn: "dict[str, Frustum]") -> None:
        self.name, self.visible, self.drawn = name, True, drawn
        drawn[name] = self

    def remove(self) -> None:
        del self.drawn[self.name]


class Viewer:
    """What the panel touches of nerfstudio's viewer. `drawn` is what a browser would see."""

    def __init__(self) -> None:
        self.drawn: dict[str, Frustum] = {}
        self.camera_handles: dict[int, Frustum] = {}
        self.hide_images = SimpleNamespace(visible=True)
        self.train_lock: Any = threading.Lock()
        self.viser_server = SimpleNamespace(on_client_connect=self.on_client_connect)
        self.connect_callbacks: list[Callable[[Any], None]] = []
        self.renders = 0

    def on_client_connect(self, callback: Callable[[Any], None]) -> None:
        self.connect_callbacks.append(callback)

    def init_scene(self, train_dataset: list[str], train_state: str, eval_dataset: object = None) -> None:
        self.camera_handles = {index: Frustum(name, self.drawn) for index, name in enumerate(train_dataset)}
        self.train_state = train_state

    def set_camera_visibility(self, visible: bool) -> None:
        for handle in self.camera_handles.values():
            handle.visible = visible

    def _trigger_rerender(self) -> None:
        assert not self.train_lock.locked(), "a render started under the lock waits for itself"
        self.renders += 1


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.005)


def connect(pipeline: Pipeline) -> Viewer:
    viewer = Viewer()
    viewer.init_scene(pipeline.datamanager.train_dataset, "training")
    pipeline.panel.connection._setup(viewer)  # type: ignore[arg-type]
    until(lambda: pipeline.panel._served is not None)
    return viewer


def press(viewer: Viewer, element: Any, value: Any = None) -> None:
    """Run an element's callback as nerfstudio does, under the lock, and fail if it does not return."""

    def callback() -> None:
        with viewer.train_lock:
            if value is not None:
                element.value = value
            element.cb_hook(element)

    thread = threading.Thread(target=callback, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"the callback of {element.name} blocks"


def cameras_of(scene: int) -> set[str]:
    return {f"camera {view} of scene {scene}" for view in range(6 - scene)}


def test_callbacks_return_and_the_latest_choice_wins() -> None:
    pipeline = Pipeline()
    model, panel, viewer = pipeline.mnif, pipeline.panel, connect(pipeline)
    model.history.clear()
    model.gate.clear()
    press(viewer, panel.v_09_new_sample)
    until(lambda: model.asked[-1].source == "sample")
    for seed in (5, 6, 7):
        press(viewer, panel.v_06_seed, seed)
    assert not viewer.train_lock.locked(), "sampling holds the lock that training needs"
    assert model.history == []
    assert "Sampling" in panel.v_01_status.text
    model.gate.set()
    until(lambda: model.history != [])
    until(lambda: "seed 7" in panel.v_01_status.text)
    assert [(shown.source, shown.seed) for shown in model.history] == [("sample", 7)]
    # 1 was under way; 5 and 6 were never begun
    assert [shown.seed for shown in model.asked if shown.source == "sample"] == [1, 7]
    assert viewer.renders >= 1


def test_a_choice_taken_back_leaves_the_old_scene() -> None:
    pipeline = Pipeline()
    model, panel, viewer = pipeline.mnif, pipeline.panel, connect(pipeline)
    model.history.clear()
    model.gate.clear()
    press(viewer, panel.v_02_source, "Sample")
    until(lambda: model.asked[-1].source == "sample")
    press(viewer, panel.v_02_source, "Training scene")
    model.gate.set()
    until(lambda: "training scene 0" in panel.v_01_status.text)
    assert {shown.source for shown in model.history} == {"train"}


def test_new_sample_takes_the_next_seed() -> None:
    pipeline = Pipeline()
    panel, viewer = pipeline.panel, connect(pipeline)
    for seed in (1, 2):
        press(viewer, panel.v_09_new_sample)
        until(lambda seed=seed: f"seed {seed}," in panel.v_01_status.text)  # type: ignore[misc]
        assert (pipeline.mnif.shown.source, pipeline.mnif.shown.seed) == ("sample", seed)


def test_sampler_and_steps_reach_the_model() -> None:
    pipeline = Pipeline()
    panel, viewer = pipeline.panel, connect(pipeline)
    press(viewer, panel.v_02_source, "Sample")
    press(viewer, panel.v_07_sampler, "DDPM")
    press(viewer, panel.v_08_steps, 400)
    until(lambda: "400 steps" in panel.v_01_status.text)
    assert (pipeline.mnif.shown.sampler, pipeline.mnif.shown.steps) == ("ddpm", 400)


def test_between_two_scenes() -> None:
    pipeline = Pipeline()
    panel, viewer = pipeline.panel, connect(pipeline)
    press(viewer, panel.v_02_source, "Between two")
    press(viewer, panel.v_03_scene, 2)
    press(viewer, panel.v_04_other, 4)
    press(viewer, panel.v_05_mix, 0.75)
    until(lambda: "75%" in panel.v_01_status.text)
    shown = pipeline.mnif.shown
    assert (shown.source, shown.scene, shown.other, shown.mix) == ("between", 2, 4, 0.75)
    assert "car2" in panel.v_01_status.text and "car4" in panel.v_01_status.text


def test_only_the_cameras_of_the_shown_scene_are_drawn() -> None:
    pipeline = Pipeline()
    panel, viewer = pipeline.panel, connect(pipeline)
    assert set(viewer.drawn) == cameras_of(0)
    press(viewer, panel.v_03_scene, 3)
    until(lambda: "training scene 3" in panel.v_01_status.text)
    assert set(viewer.drawn) == cameras_of(3)
    press(viewer, panel.v_09_new_sample)
    until(lambda: "seed 1" in panel.v_01_status.text)
    assert viewer.drawn == {} and viewer.camera_handles == {}
    viewer.hide_images.visible = False  # the user pressed Hide Train Cams
    press(viewer, panel.v_02_source, "Training scene")
    until(lambda: "training scene 3" in panel.v_01_status.text)
    assert set(viewer.drawn) == cameras_of(3)
    assert not any(handle.visible for handle in viewer.drawn.values())


def test_errors_are_told_and_the_panel_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = Pipeline()
    panel, viewer = pipeline.panel, connect(pipeline)
    press(viewer, panel.v_02_source, "Sample")
    until(lambda: "seed 0" in panel.v_01_status.text)
    press(viewer, panel.v_06_seed, 101)
    until(lambda: "no such sample; choose another" in panel.v_01_status.text)
    press(viewer, panel.v_06_seed, -1)
    until(lambda: "seed is -1" in panel.v_01_status.text)
    assert caplog.records == []
    press(viewer, panel.v_06_seed, 103)
    until(lambda: "RuntimeError: out of memory" in panel.v_01_status.text)
    assert caplog.records[0].exc_info is not None
    assert pipeline.mnif.shown.seed == 0
    press(viewer, panel.v_06_seed, 0)
    until(lambda: "seed 0" in panel.v_01_status.text)


def test_an_untrained_prior_is_told() -> None:
    pipeline = Pipeline()
    pipeline.mnif.prior_is_trained = False
    panel, viewer = pipeline.panel, connect(pipeline)
    assert "Gaussian" not in panel.v_01_status.text
    press(viewer, panel.v_09_new_sample)
    until(lambda: "Gaussian draw" in panel.v_01_status.text)
    pipeline.mnif.prior_is_trained = True
    press(viewer, panel.v_09_new_sample)
    until(lambda: "seed 2" in panel.v_01_status.text)
    assert "Gaussian" not in panel.v_01_status.text


def test_nothing_is_shown_before_the_viewer_has_its_scene() -> None:
    """nerfstudio builds the viewer before it loads the checkpoint."""
    pipeline = Pipeline()
    viewer = Viewer()
    pipeline.panel.connection._setup(viewer)  # type: ignore[arg-type]
    press(viewer, pipeline.panel.v_09_new_sample)
    assert pipeline.mnif.asked == []
    viewer.init_scene(pipeline.datamanager.train_dataset, "completed")
    until(lambda: "seed 1" in pipeline.panel.v_01_status.text)
    assert viewer.drawn == {}


def test_controls_start_from_what_is_shown() -> None:
    model = Model()
    model.shown = ShownScene("sample", seed=9, sampler="ddim", steps=7)
    panel = ViewerPanel(SimpleNamespace(mnif=model))  # type: ignore[arg-type]
    assert panel.wanted() == model.shown


def test_without_a_viewer_nothing_runs() -> None:
    before = threading.active_count()
    pipeline = Pipeline()
    pipeline.panel.refresh()
    assert threading.active_count() == before
    assert pipeline.mnif.asked == []
    assert not list(pipeline.panel.parameters()) and not pipeline.panel.state_dict()
    assert pipeline not in set(pipeline.panel.modules())


def test_object_is_framed_for_each_browser() -> None:
    viewer = connect(Pipeline())
    client = SimpleNamespace(camera=SimpleNamespace())
    for callback in viewer.connect_callbacks:
        callback(client)
    assert client.camera.up_direction == (0.0, 0.0, 1.0)
    assert client.camera.look_at == (0.0, 0.0, 0.0)
    distance = torch.tensor(client.camera.position).norm().item() / 10.0
    assert distance == pytest.approx(1.3 * 1.8, abs=0.01)
    assert 2 * math.atan(0.5 / distance) < client.camera.fov < 4 * math.atan(0.5 / distance)


@pytest.fixture
def server() -> Iterator[viser.ViserServer]:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = viser.ViserServer(host="127.0.0.1", port=port, verbose=False)
    yield server
    server.stop()


@pytest.mark.parametrize("scenes", [1, 5, 2458])
def test_nerfstudio_finds_and_installs_every_control(server: viser.ViserServer, scenes: int) -> None:
    pipeline = Pipeline(scenes)
    found = parse_object(pipeline, ViewerElement, "Custom Elements")
    assert [path.split("/")[-1] for path, _ in found] == sorted(name for name in vars(pipeline.panel) if "v_0" in name)
    names = [element.name for _, element in found]
    assert names == [
        "Status", "Source", "Scene", "Second scene", "Mix", "Seed", "Sampler", "Steps", "New sample",
    ]  # fmt: skip
    controls = parse_object(pipeline, ViewerControl, "Custom Elements")
    assert [control for _, control in controls] == [pipeline.panel.connection]
    for _, element in found:
        element.install(server)
    hints = {element.name: element.gui_handle._impl.hint for _, element in found if element.gui_handle is not None}
    assert set(hints) == set(names) - {"Status"}
    assert all(hints.values())


def test_real_controls_drive_the_panel(server: viser.ViserServer) -> None:
    """Through viser, setting a control runs its callback, and only the controls of the source are visible."""
    pipeline = Pipeline()
    panel = pipeline.panel
    for _, element in parse_object(pipeline, ViewerElement, "Custom Elements"):
        element.install(server)
    viewer = connect(pipeline)

    def visible() -> set[str]:
        elements = (element for _, element in parse_object(pipeline, ViewerElement, "Custom Elements"))
        return {element.name for element in elements if element.gui_handle and element.gui_handle.visible}

    always = {"Source", "New sample"}
    assert visible() == always | {"Scene"}
    panel.v_03_scene.value = 2
    until(lambda: "training scene 2" in panel.v_01_status.text)
    assert set(viewer.drawn) == cameras_of(2)
    press(viewer, panel.v_09_new_sample)
    until(lambda: "seed 1" in panel.v_01_status.text)
    assert visible() == always | {"Seed", "Sampler", "Steps"}
    panel.v_02_source.value = "Between two"
    until(lambda: "50%" in panel.v_01_status.text)
    assert visible() == always | {"Scene", "Second scene", "Mix"}
