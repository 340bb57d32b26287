"""A run of scenes that an earlier version has left: nerfstudio's commands open its config.yml, and it goes on."""

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Tools, assert_ok
from tests.old_runs import OLD_RUNS, SCENE_OPTIONS, SCENES, assert_same_field
from tests.srn_fixture import write_srn


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_srn(tmp_path_factory.mktemp("data") / "scenes", **SCENES)


def test_eval(tools: Tools, data: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.json"
    command = ["ns-eval", "--load-config", OLD_RUNS / "scene/config.yml", "--output-path", metrics]
    assert_ok(tools.run(*command, environment={"MNIF_DATA": str(data)}))
    assert 5 < json.loads(metrics.read_text())["results"]["psnr"] < 12


def test_it_goes_on(tools: Tools, data: Path, tmp_path: Path) -> None:
    shutil.copytree(OLD_RUNS / "scene/nerfstudio_models", tmp_path / "models")
    finished = tools.run(
        "ns-train", "mnif-tiny", "--data", data, "--output-dir", tmp_path, "--experiment-name", "run",
        "--timestamp", "now", "--machine.device-type", "cpu", *SCENE_OPTIONS, "--load-dir", tmp_path / "models",
        environment={"MNIF_SINE": "torch"},  # as it was trained: Adam makes whole steps of rounding
    )  # fmt: skip
    assert_ok(finished)
    assert_same_field(tmp_path / "run/mnif-tiny/now/field", OLD_RUNS / "scene/field")
