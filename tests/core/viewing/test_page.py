"""`mnif view` without a browser: what it serves, and the one line it says when it cannot."""

import signal as signals
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnif_core.cli import main
from mnif_core.signals.images import ImageSignal
from mnif_core.viewing.page import DISPLAYS, open_page
from mnif_core.viewing.page_displays import MeshDisplay, PictureDisplay
from mnif_core.viewing.selection import Selection
from tests.free_port import free_port
from tests.small_field import small_field


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def failing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_errors_are_one_line(taken: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(small_field("image").save(tmp_path / "run"))
    error = failing(["view", run, "--port", str(taken)], capsys)
    assert f"127.0.0.1:{taken}" in error and "in use" in error and "--port" in error
    assert "nothing" in failing(["view", str(tmp_path / "nothing")], capsys)
    assert "write train:3" in failing(["view", run, "--show", "car"], capsys)
    assert "0 to 4" in failing(["view", run, "--show", "train:5"], capsys)
    assert "--port" in failing(["view", run, "--port", "70000"], capsys)
    assert "--host" in failing(["view", run, "--host", "no.such.host.invalid"], capsys)


def test_the_command_serves_until_interrupted(port: int, tmp_path: Path) -> None:
    run = small_field("voxel").save(tmp_path / "run")
    command = [sys.executable, "-m", "mnif_core.cli", "view", str(run), "--port", str(port)]

    def heeding() -> None:  # a job that a shell has put into the background ignores Ctrl-C
        signals.signal(signals.SIGINT, signals.SIG_DFL)

    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=heeding, **pipes) as process:
        assert process.stdout is not None and process.stderr is not None
        while f"http://127.0.0.1:{port}; Ctrl-C" not in (line := process.stdout.readline()):
            assert line, process.stderr.read()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200
        process.send_signal(signals.SIGINT)
        assert process.wait(120) == 0, process.stderr.read()
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("kind", ["image", "voxel", "scene"])
def test_first_camera_frames_the_instance(kind: str, port: int) -> None:
    """The corners of what is shown lie inside the window, whether it is wide or tall, and fill a good part of it."""
    server = open_page(small_field(kind), "a run", Selection(), "127.0.0.1", port)
    try:
        display = server._client_connect_cb[0].__self__  # type: ignore[attr-defined]
        for aspect in (0.6, 1.0, 1.8):
            x, y, z = display.first_position(aspect)
            distance, half = float(np.linalg.norm((x, y, z))), np.tan(0.35)
            if kind == "image":
                assert (x, y) == (0.0, 0.0)
                assert 1.0 < z * half * min(1.0, aspect) < 1.2
            else:
                assert z > 0 and 0.5 < distance * half < 1.0
    finally:
        server.stop()


def test_a_solid_with_nothing_inside_leaves_an_empty_page(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    field = small_field("voxel")
    server = open_page(field, "a run", Selection(), "127.0.0.1", port)
    try:
        display = MeshDisplay(server, field)
        drawn: dict[str, Any] = {}
        monkeypatch.setattr(
            server.scene, "add_mesh_simple", lambda name, vertices, faces, **_: drawn.update(v=vertices, f=faces)
        )
        networks = field.instance(field.latents[0])
        display.draw(networks)
        assert len(drawn["f"]) > 1
        last = networks.biases[-1]
        with torch.no_grad():
            last.fill_(-0.07)  # a sine of about -1: outside everywhere
            networks.weights[-1].zero_()
        display.draw(networks)
        assert len(drawn["f"]) == 1 and not drawn["v"].any()
    finally:
        server.stop()


def test_a_picture_stands_for_what_has_no_display_of_its_own(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(DISPLAYS, "image")
    field = small_field("image")
    field.signal = ImageSignal(8, 16)
    server = open_page(field, "a run", Selection(), "127.0.0.1", port)
    try:
        display = server._client_connect_cb[0].__self__  # type: ignore[attr-defined]
        assert isinstance(display, PictureDisplay) and display.first_position(0.5)[2] > display.first_position(1.0)[2]
        sent: list[tuple[Any, ...]] = []
        monkeypatch.setattr(server.scene, "add_image", lambda *image, **_: sent.append(image))
        networks = field.instance(field.latents[1])
        display.draw(networks)
        _, picture, across, up = sent[-1]
        assert (across, up) == (2.0, 1.0) and picture.shape == (256, 512, 3)
        expected = field.signal.picture(networks, 256).numpy()
        np.testing.assert_allclose(picture / 255, expected, atol=0.5 / 255 + 1e-6)
    finally:
        server.stop()
