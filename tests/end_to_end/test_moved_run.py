"""A run's folder, moved away and renamed, and its data moved too, serves every command from where it is now."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.conftest import Tools, assert_ok, assert_one_line, short_run
from tests.end_to_end.test_tools import camera_path, needs_ffmpeg
from tests.free_port import free_port
from tests.viser_server import until


@pytest.fixture(scope="module")
def moved(tools: Tools, few_cars: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The new folder of a run and the environment that names its data."""
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    shutil.copytree(few_cars, old / "cars")
    assert_ok(tools.run(*short_run(old / "cars", old)))
    run = Path(shutil.move(old / "run" / "mnif-tiny" / "now", new / "best run"))
    shutil.move(old / "cars", new / "cars")
    shutil.rmtree(old)
    return run, {"MNIF_DATA": str(new / "cars")}


def test_eval(tools: Tools, moved: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    run, environment = moved
    command = ["ns-eval", "--load-config", run / "config.yml", "--output-path", tmp_path / "metrics.json"]
    assert_one_line(tools.run(*command), "DataError", "MNIF_DATA")
    assert_ok(tools.run(*command, environment=environment))
    psnr = json.loads((tmp_path / "metrics.json").read_text())["results"]["psnr"]
    assert psnr == pytest.approx(json.loads((run / "summary.json").read_text())["held_out_psnr_db"], abs=0.01)


@needs_ffmpeg
def test_render(tools: Tools, moved: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    run, environment = moved
    command = ["ns-render", "camera-path", "--load-config", run / "config.yml", "--output-path", tmp_path / "frames"]
    command += ["--camera-path-filename", camera_path(tmp_path / "path.json"), "--output-format", "images"]
    assert_ok(tools.run(*command, environment=environment))
    assert np.asarray(Image.open(next((tmp_path / "frames").iterdir()))).std() > 10


def test_viewer(tools: Tools, moved: tuple[Path, dict[str, str]]) -> None:
    run, environment = moved
    command = ["ns-viewer", "--load-config", run / "config.yml", "--viewer.websocket-port", free_port()]
    viewer = tools.start(*command, environment=environment)
    until(lambda: "Done loading checkpoint" in viewer.output or viewer.ended, 200)
    assert str(run / "nerfstudio_models") in viewer.output.replace("\n", ""), viewer.output[-3000:]
    time.sleep(2.0)
    assert not viewer.ended, viewer.output[-3000:]
    viewer.kill()
