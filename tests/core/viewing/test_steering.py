"""The panel, on a display whose sampling can be held up: the latest choice wins, nothing stale, errors are told."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
import viser
from PIL import Image
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.unseen.saved_scenes import SavedScene
from mnif_core.viewing import exports as exports_module
from mnif_core.viewing import steering as steering_module
from mnif_core.viewing.buttons import add_buttons
from mnif_core.viewing.gallery import TILES
from mnif_core.viewing.selection import Selection, latent_of
from mnif_core.viewing.steering import Steering
from tests.core.export.known_fields import blob
from tests.small_field import small_field
from tests.viser_server import hint_of, inputs, label_of, press, until, viser_server


class HeldDisplay:
    """Samples wait for `gate`; seeds 101 and 103 fail. `steps` counts training."""

    def __init__(self, instances: int = 30, prior: bool = True, kind: str = "image") -> None:
        self.saved = small_field(kind, instances, prior)
        self.added: dict[str, SavedScene] = {}
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[int | None] = []
        self.history: list[tuple[Selection, Tensor]] = []
        self.steps, self.looked_at = 0, False
        if self.saved.prior is not None:
            self.draw = self.saved.sample_latents
            self.saved.sample_latents = self.sample_latents  # type: ignore[method-assign, assignment]

    def sample_latents(self, count: int, seed: int | None = None, *settings: Any) -> Tensor:
        self.asked.append(seed)
        assert not self.lock.locked(), "sampling holds the lock that training needs"
        self.gate.wait()
        if seed == 101:
            raise ConfigError("no such sample; choose another")
        if seed == 103:
            raise RuntimeError("out of memory")
        return self.draw(count, seed, *settings)

    def field(self) -> GenerativeField:
        return self.saved

    @property
    def fitted(self) -> dict[str, SavedScene]:
        return self.added

    def version(self, selection: Selection) -> int:
        return self.steps

    def held(self) -> threading.Lock:
        return self.lock

    def watched(self) -> bool:
        return self.looked_at

    def show(self, selection: Selection, latent: Tensor, wanted: Callable[[], bool]) -> bool:
        with self.lock:
            if not wanted():
                return False
            self.history.append((selection, latent))
        return True

    @property
    def shown(self) -> Selection:
        return self.history[-1][0]


class Browser:
    """A browser that keeps what it downloads."""

    downloads: dict[str, bytes] = {}

    def send_file_download(self, name: str, content: bytes) -> None:
        self.downloads[name] = content


@pytest.fixture(scope="module")
def server() -> Iterator[viser.ViserServer]:
    with viser_server() as server:
        server._connected_clients[0] = Browser()  # type: ignore[assignment]
        yield server


def begin(server: viser.ViserServer, display: HeldDisplay, selection: Selection | None = None) -> Steering:
    steering = Steering(server, display, selection or Selection())
    steering.start()
    until(lambda: steering.served)
    return steering


def test_the_latest_choice_wins(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    display.history.clear()
    display.gate.clear()
    press(steering.controls.next_sample, "New sample")
    until(lambda: display.asked == [1])
    for seed in (5, 6, 7):
        steering.controls.seed.value = seed
    assert display.history == []
    assert "Sampling" in steering.status_text
    display.gate.set()
    until(lambda: "seed 7" in steering.status_text)
    assert [(shown.source, shown.seed) for shown, _ in display.history] == [("sample", 7)]
    assert display.asked == [1, 7], "5 and 6 were never to begin"


def test_a_choice_taken_back_leaves_the_old_instance(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    display.gate.clear()
    steering.controls.source.value = "Sample"
    until(lambda: display.asked)
    steering.controls.source.value = "Training image"
    display.gate.set()
    until(lambda: "training image 0" in steering.status_text)
    assert {shown.source for shown, _ in display.history} == {"train"}


def test_every_control_reaches_the_latent(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    controls = steering.controls
    controls.source.value = "Between four"
    for corner, scene in zip(controls.corners, (9, 8, 7, 6), strict=True):
        corner.value = scene
    controls.across.value, controls.down.value = 0.25, 1.0
    controls.directions[2].value = -1.5
    wanted = Selection("corners", corners=(9, 8, 7, 6), across=0.25, down=1.0)
    until(lambda: display.shown.corners == wanted.corners and len(display.shown.directions) == 6)
    assert display.shown.directions == (0.0, 0.0, -1.5, 0.0, 0.0, 0.0)
    assert (display.shown.across, display.shown.down) == (0.25, 1.0)
    controls.source.value = "Sample"
    controls.sampler.value, controls.steps.value, controls.truncation.value = "DDIM", 7, 0.5
    controls.reset_directions()
    asked = Selection("sample", seed=0, sampler="ddim", steps=7, truncation=0.5)
    until(lambda: (display.shown.sampler, display.shown.steps, display.shown.truncation) == ("ddim", 7, 0.5))
    until(lambda: not display.shown.directions)
    torch.testing.assert_close(display.history[-1][1], latent_of(display.saved, asked))


def test_errors_are_told_and_the_panel_lives_on(server: viser.ViserServer, caplog: pytest.LogCaptureFixture) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    steering.controls.source.value = "Sample"
    until(lambda: "seed 0" in steering.status_text)
    steering.controls.seed.value = 101
    until(lambda: "no such sample; choose another" in steering.status_text)
    steering.controls.seed.value = -1
    until(lambda: "seed is -1" in steering.status_text)
    assert caplog.records == []
    steering.controls.seed.value = 103
    until(lambda: "RuntimeError: out of memory" in steering.status_text)
    assert caplog.records[0].exc_info is not None
    assert display.shown.seed == 0
    steering.controls.seed.value = 0
    until(lambda: "Shown: sample, seed 0" in steering.status_text)


def test_an_untrained_prior_is_told(server: viser.ViserServer) -> None:
    display = HeldDisplay(prior=False)
    steering = begin(server, display)
    assert "Gaussian" not in steering.status_text
    press(steering.controls.next_sample, "New sample")
    until(lambda: "Gaussian draw" in steering.status_text)


def test_a_shown_sample_follows_training(server: viser.ViserServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering_module, "RESAMPLE", 0.0)
    display = HeldDisplay()
    begin(server, display, Selection("sample", seed=3))
    display.steps += 1
    time.sleep(1.5)
    assert len(display.history) == 1, "nobody looks on"
    display.looked_at = True
    until(lambda: len(display.history) == 2)
    assert display.shown.seed == 3


def test_nearest_training_instance_is_shown_beside(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    display.looked_at = True
    steering = begin(server, display)
    assert not steering.relatives.visible and not steering.to_nearest.visible
    steering.controls.source.value = "Between two"
    steering.controls.scene.value, steering.controls.other.value, steering.controls.mix.value = 4, 9, 0.1
    until(lambda: "training image: item_4, " in steering.relatives.content)
    assert steering.relatives.visible
    until(lambda: steering.relatives.content.count("data:image/jpeg") == 4)
    press(steering.to_nearest, "Show it")
    until(lambda: display.shown == Selection("train", scene=4))
    until(lambda: not steering.relatives.visible)


def test_only_the_page_in_view_is_made(server: viser.ViserServer) -> None:
    """Of 2,458 instances, and again after turning: a thumbnail each, and no control that lists them all."""
    display = HeldDisplay(2458)
    display.looked_at = True
    steering = begin(server, display)
    gallery = steering.gallery
    until(lambda: gallery.grid.content.count("data:image/jpeg") == TILES)
    press(gallery.turn, "Next")
    until(lambda: gallery.first.value == TILES)
    press(gallery.turn, "Next")
    until(lambda: gallery.first.value == 2 * TILES)
    press(gallery.turn, "Back")
    until(lambda: f'"{TILES}: item_{TILES}"' in gallery.grid.content)
    until(lambda: gallery.grid.content.count("data:image/jpeg") == TILES)
    assert len(steering.thumbnails._made) <= 3 * TILES
    gallery.first.value = 2457
    until(lambda: gallery.grid.content.count("data:image/jpeg") == 2458 % TILES)
    press(gallery.turn, "Next")
    assert gallery.first.value == 2458 // TILES * TILES
    assert len(gallery.grid.content) < 100_000


def test_only_browsers_press_buttons(server: viser.ViserServer) -> None:
    """What the server itself sets a row of buttons to reaches no one: else a press counts twice."""
    pressed: list[tuple[str, object]] = []
    row = add_buttons(server.gui, "Page", ["Back", "Next"], lambda *what: pressed.append(what), hint="")
    row.value = "Back"
    time.sleep(0.1)
    assert pressed == []
    for _ in range(3):
        press(row, "Next")
    until(lambda: len(pressed) == 3)
    assert {option for option, _ in pressed} == {"Next"}
    assert all(browser is not None for _, browser in pressed), "downloads go to the browser that asked"


def test_a_click_on_a_picture_shows_it(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    press(steering.gallery.turn, "Next")
    press(steering.gallery._buttons[2], True)
    until(lambda: display.shown == Selection("train", scene=TILES + 2))
    steering.gallery.kind.value = "Samples"
    until(lambda: "sample of seed 0" in steering.gallery.grid.content)
    press(steering.gallery._buttons[5], True)
    until(lambda: display.shown == Selection("sample", seed=5))


def test_clicks_fill_the_corners_in_turn(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    steering.controls.source.value = "Between four"
    until(lambda: steering.gallery.slot.visible)
    for place in (7, 3, 5, 1):
        press(steering.gallery._buttons[place], True)
    until(lambda: display.shown.corners == (7, 3, 5, 1))
    assert steering.gallery.slot.value == "Top left"


def test_clicks_at_once_choose_a_corner_each(server: viser.ViserServer) -> None:
    """Even before the page has been drawn for the new source."""
    for _ in range(5):
        display = HeldDisplay()
        steering = begin(server, display)
        steering.controls.source.value = "Between four"
        clicks = [threading.Thread(target=press, args=(steering.gallery._buttons[n], True)) for n in (7, 3, 5, 1)]
        for click in clicks:
            click.start()
        until(lambda display=display: sorted(display.shown.corners) == [1, 3, 5, 7])  # type: ignore[misc]


def test_pictures_that_training_has_overtaken_are_told(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    display.looked_at = True
    steering = begin(server, display)
    until(lambda: steering.gallery.grid.content.count("data:image/jpeg") == TILES)
    assert "older" not in steering.gallery.grid.content
    display.steps += 1
    steering.controls.changed()
    until(lambda: steering.gallery.grid.content.count("older") == TILES)


def test_nothing_is_made_while_nobody_looks(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    time.sleep(1.5)
    assert not steering.thumbnails._made


def test_exports_hold_what_is_shown(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display, Selection("train", scene=4))
    sent = Browser.downloads
    sent.clear()
    press(steering.exports.files, "npz")
    until(lambda: sent)
    steering.exports.detail.value = 40
    press(steering.exports.files, "png")
    until(lambda: len(sent) == 2)
    with np.load(io.BytesIO(sent["training-4.npz"])) as stored:
        np.testing.assert_array_equal(stored["latents"], display.saved.latents[4:5].numpy())
    picture = np.asarray(Image.open(io.BytesIO(sent["training-4.png"])))
    expected = display.saved.decode(display.saved.latents[4], height=40, width=40)[0]
    np.testing.assert_array_equal(picture, (expected * 255).round().byte().numpy())
    until(lambda: "downloads" in steering.exports.status.content)


def test_a_scenes_mesh_has_a_texture_where_it_is_asked_for(
    server: viser.ViserServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports_module, "TEXELS", 64)
    display = HeldDisplay(kind="scene")
    display.saved = blob("scene")
    steering = begin(server, display, Selection("train", scene=0))
    sent = Browser.downloads
    sent.clear()
    steering.exports.detail.value = 8
    steering.exports.texture.value = True
    press(steering.exports.files, "glb")
    until(lambda: sent or "Not written" in steering.exports.status.content)
    mesh: Any = trimesh.load_mesh(io.BytesIO(sent["training-0.glb"]), file_type="glb")
    assert mesh.visual.material.baseColorTexture.size == (64, 64)


def test_fitted_scenes_are_a_source_of_their_own(server: viser.ViserServer) -> None:
    display = HeldDisplay(kind="scene")
    assert "Fitted scene" not in begin(server, display).controls.source.options
    latent = display.saved.latents[3] + 1.0
    display.added = {"chair": SavedScene("chair", latent), "bus": SavedScene("bus", -latent)}
    steering = begin(server, display)
    steering.controls.source.value = "Fitted scene"
    until(lambda: "Shown: fitted scene bus" in steering.status_text)
    steering.controls.fitted.value = "chair"
    until(lambda: "Shown: fitted scene chair" in steering.status_text)
    assert torch.equal(display.history[-1][1], latent[None])
    assert "item_" in steering.relatives.content


@pytest.mark.parametrize("kind", ["image", "voxel", "scene"])
@pytest.mark.parametrize("instances", [1, 5])
def test_every_control_is_documented(server: viser.ViserServer, kind: str, instances: int) -> None:
    before = inputs(server)
    begin(server, HeldDisplay(instances, kind=kind))
    handles = [handle for key, handle in inputs(server).items() if key not in before]
    assert len(handles) > 25
    assert all(len(hint_of(handle) or "") > 20 for handle in handles)
    labels = [label_of(handle) for handle in handles]
    assert labels[0] == "Source" and "Download" in labels


def test_names_of_any_kind_are_shown_as_they_are(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    display.saved.names[0] = 'a "{b}" <c> _d_'
    steering = begin(server, display)
    assert 'a "{b}" <c> _d_' in steering.status_text
    assert steering.status.content.startswith("**Shown:** training image 0")
    assert "a &#34;&#123;b&#125;&#34; &#60;c&#62; &#95;d&#95;" in steering.status.content
