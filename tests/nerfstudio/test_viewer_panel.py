"""The panel in a viewer: found and filled by nerfstudio, shows what is chosen, and draws the shown scene's cameras."""

import math
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

from mnif_core.generative_field import GenerativeField
from mnif_core.viewing.selection import Selection
from mnif_core.viewing.steering import Steering
from mnif_nerfstudio.viewer_panel import ViewerPanel
from tests.small_field import small_field
from tests.viser_server import inputs, label_of, until, viser_server


class Model(nn.Module):
    def __init__(self, scenes: int) -> None:
        super().__init__()
        self.saved = small_field("scene", scenes)
        self.fitted: dict[str, object] = {}
        self.shown = Selection()
        self.history: list[Selection] = []
        self.fit_updates = self.prior_updates = 0

    def generative_field(self) -> GenerativeField:
        return self.saved

    def show(self, shown: Selection, latent: Tensor | None = None) -> None:
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
        self.panel = ViewerPanel(self.mnif, self.datamanager)  # type: ignore[arg-type]


def steering_of(pipeline: Pipeline) -> Steering:
    assert pipeline.panel._steering is not None
    return pipeline.panel._steering


def status_of(pipeline: Pipeline) -> str:
    return steering_of(pipeline).status_text


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
        self.viser_server = SimpleNamespace(on_client_connect=self.on_client_connect, get_clients=dict)
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


@pytest.fixture(scope="module")
def server() -> Iterator[viser.ViserServer]:
    with viser_server() as server:
        yield server


def install(pipeline: Pipeline, server: viser.ViserServer, viewer: Viewer) -> Viewer:
    """What nerfstudio does when it builds its viewer."""
    for _, element in parse_object(pipeline, ViewerElement, "Custom Elements"):
        element.install(server)
    for _, control in parse_object(pipeline, ViewerControl, "Custom Elements"):
        control._setup(viewer)
    return viewer


def connect(pipeline: Pipeline, server: viser.ViserServer) -> Viewer:
    viewer = install(pipeline, server, Viewer())
    viewer.init_scene(pipeline.datamanager.train_dataset, "training")
    until(lambda: "Shown" in status_of(pipeline))
    return viewer


def cameras_of(scene: int) -> set[str]:
    return {f"camera {view} of scene {scene}" for view in range(6 - scene)}


def test_choices_reach_the_model_and_the_browser(server: viser.ViserServer) -> None:
    pipeline = Pipeline()
    viewer = connect(pipeline, server)
    renders, controls = viewer.renders, steering_of(pipeline).controls
    for seed in (1, 2):
        controls.show_sample(seed)
        until(lambda seed=seed: f"seed {seed}," in status_of(pipeline))  # type: ignore[misc]
        assert pipeline.mnif.shown == Selection("sample", seed=seed)
    assert viewer.renders >= renders + 2
    controls.source.value = "Between two"
    controls.scene.value, controls.other.value, controls.mix.value = 2, 4, 0.75
    until(lambda: "75% from item_2 to item_4" in status_of(pipeline))
    assert pipeline.mnif.shown == Selection("between", 2, 4, 0.75)


def test_nothing_is_shown_while_training_holds_the_lock(server: viser.ViserServer) -> None:
    pipeline = Pipeline()
    viewer = connect(pipeline, server)
    pipeline.mnif.history.clear()
    with viewer.train_lock:
        steering_of(pipeline).controls.show_sample(3)
        until(lambda: "Sampling" in status_of(pipeline))
        time.sleep(0.3)
        assert pipeline.mnif.history == []
    until(lambda: pipeline.mnif.history == [Selection("sample", seed=3)])


def test_only_the_cameras_of_the_shown_scene_are_drawn(server: viser.ViserServer) -> None:
    pipeline = Pipeline()
    viewer = connect(pipeline, server)
    controls = steering_of(pipeline).controls
    assert set(viewer.drawn) == cameras_of(0)
    controls.scene.value = 3
    until(lambda: "training scene 3" in status_of(pipeline))
    assert set(viewer.drawn) == cameras_of(3)
    controls.show_sample(1)
    until(lambda: "seed 1" in status_of(pipeline))
    assert viewer.drawn == {} and viewer.camera_handles == {}
    viewer.hide_images.visible = False  # the user pressed Hide Train Cams
    controls.source.value = "Training scene"
    until(lambda: "training scene 3" in status_of(pipeline))
    assert set(viewer.drawn) == cameras_of(3)
    assert not any(handle.visible for handle in viewer.drawn.values())
    controls.directions[0].value = 1.0  # no longer the scene that these cameras saw
    until(lambda: "moved" in status_of(pipeline))
    assert viewer.drawn == {}


def test_nothing_is_shown_before_the_viewer_has_its_scene(server: viser.ViserServer) -> None:
    """nerfstudio builds the viewer before it loads the checkpoint."""
    pipeline = Pipeline()
    viewer = install(pipeline, server, Viewer())
    steering_of(pipeline).controls.show_sample(1)
    time.sleep(0.3)
    assert pipeline.mnif.history == []
    viewer.init_scene(pipeline.datamanager.train_dataset, "completed")
    until(lambda: "seed 1" in status_of(pipeline))
    assert viewer.drawn == {}


@pytest.mark.parametrize("text", ["sample:9", "train:3", "between:1,4,0.25", "corners:3,1,0,2,0.25,0.75"])
def test_controls_start_from_what_is_shown(server: viser.ViserServer, text: str) -> None:
    pipeline = Pipeline()
    pipeline.mnif.shown = Selection.parse(text)
    pipeline.panel.controls.install(server)
    assert steering_of(pipeline).controls.wanted() == Selection.parse(text)


def test_without_a_viewer_nothing_runs() -> None:
    before = threading.active_count()
    pipeline = Pipeline()
    assert threading.active_count() == before
    assert not list(pipeline.panel.parameters()) and not pipeline.panel.state_dict()
    assert pipeline not in set(pipeline.panel.modules())


def test_object_is_framed_for_each_browser(server: viser.ViserServer) -> None:
    viewer = connect(Pipeline(), server)
    client = SimpleNamespace(camera=SimpleNamespace())
    for callback in viewer.connect_callbacks:
        callback(client)
    assert client.camera.up_direction == (0.0, 0.0, 1.0)
    assert client.camera.look_at == (0.0, 0.0, 0.0)
    distance = torch.tensor(client.camera.position).norm().item() / 10.0
    assert distance == pytest.approx(1.3 * 1.8, abs=0.01)
    assert 2 * math.atan(0.5 / distance) < client.camera.fov < 4 * math.atan(0.5 / distance)


@pytest.mark.parametrize("scenes", [1, 5, 2458])
def test_nerfstudio_finds_and_fills_the_panel(server: viser.ViserServer, scenes: int) -> None:
    pipeline = Pipeline(scenes)
    found = parse_object(pipeline, ViewerElement, "Custom Elements")
    assert [(path, element) for path, element in found] == [("Custom Elements/panel/controls", pipeline.panel.controls)]
    controls = parse_object(pipeline, ViewerControl, "Custom Elements")
    assert [control for _, control in controls] == [pipeline.panel.connection]
    before = inputs(server)
    connect(pipeline, server)
    handles = [handle for key, handle in inputs(server).items() if key not in before and handle.visible]
    visible = [label for label in map(label_of, handles) if "Picture " not in label]
    assert visible[:3] == ["Source", "Scene", "Draw" if scenes == 1 else "Scene by name"]
    assert {"Pictures of", "First", "Page", "Download"} <= set(visible)


def test_only_the_controls_of_the_source_are_visible(server: viser.ViserServer) -> None:
    pipeline = Pipeline()
    connect(pipeline, server)
    controls = steering_of(pipeline).controls
    every = [
        controls.scene, controls.other, controls.mix, *controls.corners, controls.across, controls.down,
        controls.seed, controls.sampler, controls.steps, controls.truncation,
    ]  # fmt: skip

    def visible() -> set[str]:
        return {label_of(handle) for handle in every if handle.visible}

    assert visible() == {"Scene"}
    controls.source.value = "Sample"
    until(lambda: visible() == {"Seed", "Sampler", "Steps", "Truncation"})
    controls.source.value = "Between two"
    until(lambda: visible() == {"Scene", "Second scene", "Mix"})
    controls.source.value = "Between four"
    until(lambda: visible() == {"Top left", "Top right", "Bottom left", "Bottom right", "Across", "Down"})
