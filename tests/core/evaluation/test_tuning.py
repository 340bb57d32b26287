"""`mnif tune` on toy pictures and solids: to the end, on after a kill, and bad input in one line."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.cli import main
from mnif_core.evaluation import tuning
from mnif_core.presets import PRESETS
from mnif_core.training.field_stage import FieldStage
from tests.core.training.squares import write_squares
from tests.old_runs import small_presets

ROUNDS = [[2, 3, 2], [1, 6, 2]]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_presets(monkeypatch)
    full = PRESETS["voxel-tiny"]  # of which half are held out, and quickly found
    small = replace(full, validation_share=0.5, fitting=replace(full.fitting, inner_steps=2))
    monkeypatch.setitem(PRESETS, "voxel-tiny", small)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths that do not depend on the machine."""
    monkeypatch.setattr(tuning, "_rounds", lambda *_: ROUNDS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares.npz", 80)


@pytest.fixture(scope="module")
def solids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, columns, layers = np.indices((16, 16, 16))
    path = tmp_path_factory.mktemp("data") / "solids.npy"
    np.save(path, np.stack([(rows + columns + layers) % 16 < 4 + n for n in range(16)]))
    return path


def command(data: Path, folder: Path, *options: object, modality: str = "image") -> list[str]:
    words = ["tune", "--modality", modality, "--data", data, "--output-dir", folder, "--device", "cpu", *options]
    return [str(word) for word in words]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "tune.json").read_text())["rows"])


@pytest.mark.usefixtures("planned")
def test_pictures_to_the_end_and_on_after_a_kill(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = command(pictures, tmp_path / "whole", "--latent-dims", 2, 3)
    assert main(whole) == 0, capsys.readouterr().err
    output = capsys.readouterr().out
    rows = rows_of(tmp_path / "whole")
    assert [(row["latent_dim"], row["length"]) for row in rows[:2]] == [(2, 3), (3, 3)]
    better = min(rows[:2], key=lambda row: row["score"])
    assert rows[2]["latent_dim"] == better["latent_dim"] and rows[2]["length"] == 6 and len(rows) == 3
    best = min(rows, key=lambda row: row["score"])
    line = shlex.split(output.splitlines()[-1].removeprefix("Train the best: "))
    assert line[:2] == ["mnif", "image"] and line[line.index("--latent-dim") + 1] == str(best["latent_dim"])
    assert ("--fit-length" in line) == (best["length"] < 6)
    with Image.open(tmp_path / "whole/tune.png") as sheet:
        assert sheet.size == (9 * 130, 3 * 130)  # a label and 8 instances; held out, and two settings
    assert main([*line[1:], "--output-dir", str(tmp_path / "best"), "--device", "cpu", "--prior-length", "2"]) == 0

    step, taken = FieldStage.step, []

    def dying(self: FieldStage, number: int) -> dict[str, float]:
        taken.append(number)
        if len(taken) == 5:  # in the second run
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(FieldStage, "step", dying)
    again = command(pictures, tmp_path / "killed", "--latent-dims", 2, 3)
    assert main(again) == 130
    assert len(rows_of(tmp_path / "killed")) == 1
    torch.manual_seed(99)
    assert main(again) == 0
    assert len(taken) == 5 + 3 + 6  # nothing of the first run is done anew
    for row, other in zip(rows_of(tmp_path / "killed"), rows, strict=True):
        assert {**row, "seconds": 0} == {**other, "seconds": 0}
    assert main(again) == 0 and len(taken) == 14
    capsys.readouterr()
    assert main([*again, "--seed", "1"]) == 1
    assert "tune.json: holds a search of other settings" in capsys.readouterr().err


@pytest.mark.usefixtures("planned")
def test_solids_with_and_without_noise(solids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--latent-dims", 4, "--latent-noises", 0, 0.2, "--resolution", 16]
    assert main(command(solids, tmp_path, *options, modality="voxel")) == 0, capsys.readouterr().err
    rows = rows_of(tmp_path)
    assert [row["latent_noise"] for row in rows[:2]] == [0.0, 0.2]
    assert all(row["figures"].keys() == {"MMD", "coverage", "empty"} for row in rows)
    assert "--latent-noise" in capsys.readouterr().out.splitlines()[-1]


def test_a_budget_is_planned_by_a_first_run(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(pictures, tmp_path, "--minutes", 0.001)) == 1
    error = capsys.readouterr().err
    assert "0.001 minutes are too few for 3 settings" in error and error.count("\n") == 1
    assert not (tmp_path / "tune.json").exists() and not (tmp_path / "trial").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--modality", "scene"], "scenes are trained by ns-train"),
        (["--minutes", 0], "minutes 0: choose more than 0"),
        (["--latent-dims", 0], "latent_dims 0: name one or more, each once, 1 or more"),
        (["--latent-dims", 4, 4], "latent_dims 4 4: name"),
        (["--latent-noises", 0.1], "latent_noises : name"),
        (["--preset", "image-xl"], "no image preset 'image-xl'"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[object], message: str
) -> None:
    assert main(command(pictures, tmp_path / "out", *options)) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_too_few_held_out_instances(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(write_squares(tmp_path / "few.npz", 12), tmp_path / "out")) == 1
    error = capsys.readouterr().err
    assert "1 of 12 instances are held out by image-tiny" in error and error.count("\n") == 1
