"""A run of scenes that are sorted into folders by class: nerfstudio's commands show samples of a class by its name."""

from pathlib import Path

import pytest

from mnif_core import GenerativeField
from tests.end_to_end.conftest import Tools, assert_ok, assert_one_line
from tests.old_runs import SCENE_OPTIONS
from tests.srn_fixture import write_srn


@pytest.fixture(scope="module")
def run(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    scenes = write_srn(folder / "srn", scenes=6, size=12) / "cars_train"
    for number, scene in enumerate(sorted(scenes.iterdir())):
        sorted_into = folder / "set" / ("bus", "taxi")[number % 2]
        sorted_into.mkdir(parents=True, exist_ok=True)
        scene.rename(sorted_into / scene.name)
    finished = tools.run(
        "ns-train", "mnif-tiny", "--data", folder / "set", "--output-dir", folder, "--experiment-name", "run",
        "--timestamp", "now", "--machine.device-type", "cpu", *SCENE_OPTIONS,
    )  # fmt: skip
    assert_ok(finished)
    return folder / "run/mnif-tiny/now"


def test_the_field_knows_them(run: Path) -> None:
    field = GenerativeField.load(run / "field")
    assert field.classes == ["bus", "taxi"] and field.labels == 3 * ["bus"] + 3 * ["taxi"]
    assert field.prior is not None and field.prior.settings.classes == 2


def test_a_class_is_shown_by_name_and_others_are_one_line(tools: Tools, run: Path, tmp_path: Path) -> None:
    command = ["ns-eval", "--load-config", run / "config.yml", "--output-path", tmp_path / "metrics.json"]
    assert_ok(tools.run(*command, environment={"MNIF_SHOW": "sample:3:taxi"}))
    tram = tools.run(*command, environment={"MNIF_SHOW": "sample:3:tram"})
    assert_one_line(tram, "no label 'tram'; choose one of bus, taxi")
