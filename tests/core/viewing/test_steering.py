"""The panel, on a display whose sampling can be held up: the latest choice wins, nothing stale, errors are told."""

import io
import time
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
import viser
from PIL import Image

from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.unseen.saved_scenes import SavedScene
from mnif_core.viewing import exports as exports_module
from mnif_core.viewing import steering as steering_module
from mnif_core.viewing.selection import Selection, latent_of
from tests.core.export.known_fields import blob
from tests.core.viewing.held_display import Browser, HeldDisplay, begin
from tests.viser_server import hint_of, inputs, label_of, press, until


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


def test_labels_have_a_menu_where_there_are_any(server: viser.ViserServer) -> None:
    assert begin(server, HeldDisplay()).controls.labels == []
    display = HeldDisplay(6)
    display.saved.labels = ["hat", "shoe"] * 3
    display.saved.prior = BootstrapPrior.fit(display.saved.latents, labels=torch.tensor([0, 1] * 3), classes=2)
    controls = begin(server, display).controls
    label, guidance = controls.labels
    assert label.options == ("(any)", "hat", "shoe") and not label.visible and not guidance.visible
    controls.source.value = "Sample"
    until(lambda: display.shown.source == "sample")
    assert display.shown.label == "" and label.visible and guidance.visible
    label.value, guidance.value = "shoe", 3.0
    until(lambda: (display.shown.label, display.shown.guidance) == ("shoe", 3.0))
    torch.testing.assert_close(display.history[-1][1], display.draw(1, 0, "dpm++", 25, 1.0, "shoe", 3.0))


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
