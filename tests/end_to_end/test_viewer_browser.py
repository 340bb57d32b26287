"""ns-viewer in a headless browser: it shows samples, changes them with the seed, and comes back to the same picture."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.conftest import Running, Tools

SCRIPT = Path(__file__).with_name("viewer_screenshot.js")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

pytestmark = pytest.mark.browser


def find_browser() -> str:
    """Path of a Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or pytest.skip(f"no Chromium on the PATH (looked for {', '.join(BROWSERS)})")


def find_node_modules() -> Path:
    """Folder that holds playwright-core: one of NODE_PATH, or npm's global folder."""
    if shutil.which("node") is None:
        pytest.skip("no node on the PATH")
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    if shutil.which("npm"):
        folders.append(subprocess.run(["npm", "root", "-g"], capture_output=True, text=True).stdout.strip())
    found = next((Path(folder) for folder in folders if folder and (Path(folder) / "playwright-core").is_dir()), None)
    return found or pytest.skip("no playwright-core; npm install -g playwright-core, or set NODE_PATH to its folder")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int, viewer: Running) -> None:
    """Wait until the viewer accepts connections."""
    end = time.monotonic() + 300
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        assert not viewer.ended and time.monotonic() < end, viewer.output[-3000:]
        time.sleep(0.2)


def same_picture(folder: Path, one: str, other: str) -> bool:
    """Less than one grey level apart in the mean: the viewer codes its pictures as JPEG of varying quality."""
    images = [np.asarray(Image.open(folder / f"{name}.png").convert("RGB"), dtype=float) for name in (one, other)]
    first, second = (image[60:760, :900] for image in images)  # left of the control panel
    return float(np.abs(first - second).mean()) < 1.0


def test_viewer_shows_samples_by_seed(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    browser, node_modules, port = find_browser(), find_node_modules(), free_port()
    viewer = tools.start("ns-viewer", "--load-config", tiny_run / "config.yml", "--viewer.websocket-port", port)
    try:
        wait_for(port, viewer)
        done = subprocess.run(
            ["node", str(SCRIPT), str(port), str(tmp_path), browser],
            env={**os.environ, "NODE_PATH": str(node_modules)},
            capture_output=True,
            text=True,
            timeout=900,
        )
    finally:
        if not viewer.ended:
            viewer.kill()
    assert done.returncode == 0, f"{done.stderr}\n{viewer.output[-3000:]}"
    assert same_picture(tmp_path, "seed_1_again", "seed_1")
    assert same_picture(tmp_path, "training_scene_0_again", "training_scene_0")
    for one, other in combinations(("training_scene_0", "seed_0", "seed_1", "seed_2", "between"), 2):
        assert not same_picture(tmp_path, one, other), (one, other)
    assert "Traceback" not in viewer.output, viewer.output[-3000:]
