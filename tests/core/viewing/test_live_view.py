"""Pictures from a browser's camera: the right pixels, coarse while it moves, never of an instance shown before."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.viewing.live_displays import image_colours, scene_painter
from mnif_core.viewing.live_view import COARSEST, BrowserCamera, LiveView
from tests.small_field import small_field

PATIENCE = 20.0
FACING_DOWN = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0]])
ROWS = 4 * COARSEST


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.005)


def test_camera_axes_are_turned_to_opengl() -> None:
    """viser's camera looks along +z with y down: turned by half about x, it looks down -z with y up."""
    camera: Any = SimpleNamespace(wxyz=(0.0, 1.0, 0.0, 0.0), position=(0.0, 0.0, 2.0), fov=0.7, aspect=1.5)
    ours = BrowserCamera.of(camera)
    torch.testing.assert_close(ours.camera_to_world, FACING_DOWN)
    directions, width = ours.directions(2)
    assert width == 3
    # the middle column's pixels lie half a pixel above and below the axis
    middle = directions.view(2, 3, 3)[:, 1]
    torch.testing.assert_close(middle[0] + middle[1], torch.tensor([0.0, 0.0, -2.0]))
    assert middle[0, 1] == pytest.approx(0.5 * np.tan(0.35))


def test_image_is_seen_at_any_resolution() -> None:
    """Each pixel is the field's value where its ray meets the plane; grey lies around the image."""
    field = small_field("image")
    networks, signal = field.instance(field.latents[0]), ImageSignal(8, 16)  # twice as wide as high
    origin = torch.tensor([0.1, -0.2, 1.5])
    on_plane = torch.tensor([[0.1, 0.2, 0.0], [0.9, -0.45, 0.0], [0.0, 0.51, 0.0], [-1.01, 0.0, 0.0]])
    colours = image_colours(signal, networks, origin, (on_plane - origin) * 0.7)
    # rows run down from -1 at the top, columns right from -1: half the height is 0.5 here
    expected = networks(torch.tensor([[[-0.4, 0.1], [0.9, 0.9]]]))[0] * 0.5 + 0.5
    torch.testing.assert_close(colours[:2], expected.clamp(0, 1))
    assert torch.equal(colours[2:], torch.full((2, 3), 0.94))
    behind = image_colours(signal, networks, origin, torch.tensor([[0.0, 0.0, 1.0]]))
    assert torch.equal(behind, torch.full((1, 3), 0.94))


def test_scene_is_seen_as_the_field_renders_it() -> None:
    field = small_field("scene")
    networks, camera = field.instance(field.latents[2]), SceneSignal.of(field.signal).orbit(3)[1]
    signal: Any = field.signal
    ours = BrowserCamera(camera, fov=2 * np.arctan(0.5 * signal.height / signal.focal), aspect=1.0)
    directions, _ = ours.directions(8)
    picture = scene_painter(signal, networks)(camera[:, 3], directions)
    expected = field.render(field.latents[2], camera)[0].flatten(0, 1)
    assert float((picture.clamp(0, 1) - expected).abs().max()) < 2 / 255


class Browser:
    """A browser whose paint is a constant, takes 10 microseconds a pixel, and waits at `gate` for many pixels."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []  # rows, colour
        self.gate = threading.Event()
        self.gate.set()
        self.painting = threading.Event()
        camera = BrowserCamera(FACING_DOWN, 0.7, 1.0)
        self.view = LiveView(lambda: camera, self.receive, ROWS)

    def receive(self, picture: np.ndarray) -> None:
        self.sent.append((picture.shape[0], int(picture[0, 0, 0])))

    def paint(self, colour: int) -> Callable[[Tensor, Tensor], Tensor]:
        def paint(origin: Tensor, directions: Tensor) -> Tensor:
            if len(directions) > COARSEST**2:
                self.painting.set()
                self.gate.wait()
            time.sleep(1e-5 * len(directions))
            return torch.full_like(directions, colour / 255)

        return paint


def test_a_picture_becomes_finer_while_the_camera_rests() -> None:
    browser = Browser()
    browser.view.start()
    browser.view.show(browser.paint(10))
    until(lambda: browser.sent and browser.sent[-1][0] == ROWS)
    rows = [rows for rows, _ in browser.sent]
    assert rows[0] == COARSEST and rows == sorted(rows)
    browser.view.refine_to(2 * ROWS)
    until(lambda: browser.sent[-1][0] == 2 * ROWS)
    browser.view.close()


def test_pictures_stay_coarse_while_the_camera_moves() -> None:
    browser = Browser()
    browser.view.start()
    browser.view.show(browser.paint(10))
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        browser.view.look()
        time.sleep(0.02)
    moving = len(browser.sent)
    assert moving > 3
    assert all(rows < ROWS for rows, _ in browser.sent[1:moving])
    until(lambda: browser.sent[-1][0] == ROWS)
    browser.view.close()


def test_no_picture_of_an_earlier_instance_is_sent() -> None:
    browser = Browser()
    browser.view.start()
    browser.gate.clear()
    browser.view.show(browser.paint(10))
    assert browser.painting.wait(PATIENCE)
    browser.view.show(browser.paint(200))
    shown = len(browser.sent)
    browser.gate.set()
    until(lambda: browser.sent[-1] == (ROWS, 200))
    assert {colour for _, colour in browser.sent[shown:]} == {200}
    browser.view.close()


def test_nothing_is_sent_once_the_browser_has_gone() -> None:
    browser = Browser()
    browser.view.start()
    browser.gate.clear()
    browser.view.show(browser.paint(10))
    assert browser.painting.wait(PATIENCE)
    browser.view.close()
    sent = len(browser.sent)
    browser.gate.set()
    time.sleep(0.3)
    assert len(browser.sent) <= sent + 1
