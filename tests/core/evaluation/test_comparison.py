"""`mnif compare`: every modulation gets the same data and budget, finished ones are kept, and bad input is one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnif_core import GenerativeField
from mnif_core.cli import main
from mnif_core.presets import PRESETS
from mnif_core.prior.latent_prior import LatentPrior

SUFFIXES = {"mixture": "", "functa": "-functa", "hypernetwork": "-hypernetwork"}
SMALL = ["--steps", "2", "--prior-steps", "2", "--resolution", "8", "--samples", "8", "--device", "cpu"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pictures.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3), dtype=np.uint8))
    return path


def test_one_table_and_finished_ones_are_kept(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "comparison"
    command = ["compare", "--data", str(data), "--output-dir", str(folder), *SMALL]
    assert main([*command, "--modulations", "hypernetwork"]) == 0
    assert main(command) == 0
    output = capsys.readouterr().out
    assert output.count("finished before") == 1 and "hypernetwork: finished before" in output
    rows = json.loads((folder / "comparison.json").read_text())
    assert list(rows) == ["mixture", "functa", "hypernetwork"]
    learnable = [row["learnable"] for row in rows.values()]
    assert max(learnable) < 1.01 * min(learnable)
    assert len({row["figures"]["reconstruction, test"]["instances"] for row in rows.values()}) == 1
    for name, row in rows.items():
        field = GenerativeField.load(folder / name / "field")
        assert field.modulation.config.kind == name and row["steps"] == 2
        assert len(field.names) == row["figures"]["reconstruction, train"]["instances"] == 18
        assert isinstance(field.prior, LatentPrior) and field.prior.is_trained
        assert field.prior.config.width == PRESETS[f"image-tiny{SUFFIXES[name]}"].prior.width
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.size == (8 * 130, 4 * 130)
    assert main([*command, "--modulations", "mixture", "--seed", "1"]) == 0
    assert "finished before" not in capsys.readouterr().out


def test_equal_time_is_measured_in_a_trial(data: Path, tmp_path: Path) -> None:
    budget = ["--seconds", "1", *SMALL[2:]]
    command = ["compare", "--data", str(data), "--output-dir", str(tmp_path), "--modulations", "mixture", "functa"]
    assert main([*command, *budget]) == 0
    rows = json.loads((tmp_path / "comparison.json").read_text())
    assert rows["mixture"]["steps"] > rows["functa"]["steps"] >= 1


def test_a_prior_of_another_width(data: Path, tmp_path: Path) -> None:
    command = ["compare", "--data", str(data), "--output-dir", str(tmp_path), "--modulations", "mixture", *SMALL]
    assert main([*command, "--prior-width", "64"]) == 0
    prior = GenerativeField.load(tmp_path / "mixture" / "field").prior
    assert isinstance(prior, LatentPrior) and prior.config.width == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "choose one budget"),
        (["--steps", "2", "--seconds", "2"], "choose one budget"),
        (["--steps", "0"], "steps 0: choose more than 0"),
        (["--steps", "2", "--prior-width", "0"], "prior_width 0: choose more than 0"),
        (["--steps", "2", "--prior-width", "100"], "denoiser width 100 is not a multiple of 16"),
        (["--steps", "2", "--modulations", "functa", "functa"], "name each once"),
        (["--steps", "2", "--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["compare", "--output-dir", str(tmp_path / "out"), *options]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
