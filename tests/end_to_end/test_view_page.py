"""`mnif view` in a headless browser, for each modality: clicks, samples, mixes, zoom, downloads, hints."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import trimesh
from PIL import Image

from mnif_core.viewing.page import open_page
from mnif_core.viewing.selection import Selection
from tests.end_to_end.browser import drive, find_browser, find_node_modules, same_picture
from tests.free_port import free_port
from tests.small_field import small_field

pytestmark = pytest.mark.browser

NOUNS = {"image": "image", "voxel": "solid", "scene": "scene"}


def test_pages_of_every_modality(tmp_path: Path) -> None:
    browser, ports = find_browser(), {kind: free_port() for kind in NOUNS}
    find_node_modules()
    fields = {kind: small_field(kind) for kind in NOUNS}
    servers = [open_page(fields[kind], f"a run of {kind}s", Selection(), "127.0.0.1", ports[kind]) for kind in NOUNS]
    try:
        done = drive("view_page.js", tmp_path, browser, *(f"{NOUNS[kind]}:{ports[kind]}" for kind in NOUNS))
    finally:
        for server in servers:
            server.stop()
    assert done.returncode == 0, done.stderr
    hints = {line["kind"]: line["hint"] for line in map(json.loads, done.stdout.splitlines())}
    for kind, noun in NOUNS.items():
        folder = tmp_path / noun
        assert f"Show a training {noun}, a sample of the prior" in hints[noun]
        assert same_picture(folder, "corner_3", "training_3_again"), kind
        for one, other in combinations(("first", "training_3", "seed_1", "corners", "nearer"), 2):
            assert not same_picture(folder, one, other), (kind, one, other)
        with np.load(folder / "training-3.npz") as stored:
            torch.testing.assert_close(torch.from_numpy(stored["latents"][0]), fields[kind].latents[3])
    with Image.open(tmp_path / "image" / "training-3.png") as picture:
        assert picture.size == (32, 32)
    assert trimesh.load_mesh(tmp_path / "solid" / "training-3.ply").is_watertight
    onnx.checker.check_model(onnx.load(tmp_path / "scene" / "training-3.onnx"))
