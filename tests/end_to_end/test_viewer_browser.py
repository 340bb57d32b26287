"""ns-viewer in a headless browser: it shows samples, mixes and clicked scenes, and comes back to the same picture."""

import contextlib
import socket
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from mnif_core.generative_field import GenerativeField
from mnif_core.latents.geometry import typical_gap
from tests.end_to_end.browser import drive, find_browser, find_node_modules, same_picture
from tests.end_to_end.conftest import Tools
from tests.free_port import free_port

pytestmark = pytest.mark.browser


def listens(port: int) -> bool:
    """Whether something accepts connections."""
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def three_seeds_apart(field: GenerativeField) -> int:
    """The first of three seeds in a row whose samples differ; of twelve cars a prior learns little but the cars."""
    gap = typical_gap(field.latents)
    for seed in range(100):
        latents = torch.cat([field.sample_latents(1, seed + more) for more in range(3)])
        if float(torch.pdist(latents).min()) > 0.5 * gap:
            return seed
    pytest.fail("samples of a hundred seeds are all alike")


def test_viewer_shows_samples_mixes_and_exports(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    browser, port = find_browser(), free_port()
    find_node_modules()
    field = GenerativeField.load(tiny_run / "field")
    viewer = tools.start("ns-viewer", "--load-config", tiny_run / "config.yml", "--viewer.websocket-port", port)
    try:
        viewer.until(lambda: listens(port))
        done = drive("viewer_screenshot.js", port, tmp_path, browser, three_seeds_apart(field))
    finally:
        if not viewer.ended:
            viewer.kill()
    assert done.returncode == 0, f"{done.stderr}\n{viewer.output[-3000:]}"
    assert same_picture(tmp_path, "sample_1_again", "sample_1")
    assert same_picture(tmp_path, "training_scene_0_again", "training_scene_0")
    different = ("training_scene_0", "training_scene_2", "sample_0", "sample_1", "sample_2", "between", "corners")
    for one, other in combinations(different, 2):
        assert not same_picture(tmp_path, one, other), (one, other)
    assert "Traceback" not in viewer.output, viewer.output[-3000:]
    with np.load(tmp_path / "training-2.npz") as stored:
        torch.testing.assert_close(torch.from_numpy(stored["latents"][0]), field.latents[2])
    assert trimesh.load_mesh(tmp_path / "training-2.ply").is_watertight
