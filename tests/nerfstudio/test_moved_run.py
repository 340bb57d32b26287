"""What lies beside the config.yml that a command names is found by every spelling of its option."""

import sys
from pathlib import Path

import pytest

from mnif_core.errors import DataError
from mnif_nerfstudio.methods import mnif_tiny
from mnif_nerfstudio.moved_run import data_folder, folder_with


@pytest.mark.parametrize(
    "spelling", ["--load-config {}", "--load-config={}", "--load_config {}", "--x 1 --load-config {}"]
)
def test_folder_of_the_named_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    (tmp_path / "field").mkdir()
    monkeypatch.setattr(sys, "argv", ["ns-eval", *spelling.format(tmp_path / "config.yml").split()])
    assert folder_with("field") == tmp_path
    assert folder_with("nerfstudio_models") is None


@pytest.mark.parametrize("arguments", [[], ["mnif-tiny", "--data", "cars"], ["--load-dir", "x"]])
def test_without_a_config_nothing_is_found(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ns-train", *arguments])
    assert folder_with(".") is None


def test_a_run_is_where_its_checkpoints_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = mnif_tiny.config
    monkeypatch.setattr(config, "experiment_name", "cars")
    monkeypatch.setattr(sys, "argv", ["ns-eval", "--load-config", str(tmp_path / "config.yml")])
    recorded = config.get_base_dir()
    assert recorded.parts[:3] == ("outputs", "cars", "mnif-tiny")
    (tmp_path / "nerfstudio_models").mkdir()
    assert config.get_base_dir() == tmp_path
    assert config.get_checkpoint_dir() == tmp_path / "nerfstudio_models"


def test_data_are_where_they_were_or_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    assert data_folder(None) is None and data_folder(tmp_path) == tmp_path
    with pytest.raises(DataError, match=f"{gone}: no such folder; .* by MNIF_DATA=folder"):
        data_folder(gone)
    monkeypatch.setenv("MNIF_DATA", str(tmp_path))
    assert data_folder(gone) == tmp_path
