"""The folder to share a field by: whole, loadable, and saying what it is."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from mnif_core.errors import OutputError
from mnif_core.export.model_folder import write_model_folder
from mnif_core.generative_field import GenerativeField
from tests.core.export.known_fields import random_field


@pytest.mark.parametrize("kind", ["image", "voxel", "scene"])
@pytest.mark.parametrize("prior", [True, False])
def test_folder_loads_and_has_a_card(kind: str, prior: bool, tmp_path: Path) -> None:
    field = random_field(kind, prior)
    write_model_folder(field, tmp_path / "shared")
    loaded = GenerativeField.load(tmp_path / "shared")
    assert torch.equal(loaded.latents, field.latents) and loaded.signal == field.signal
    card = (tmp_path / "shared" / "README.md").read_text()
    matter = yaml.safe_load(card.split("---")[1])
    assert matter["library_name"] == "mnif-nerfstudio" and kind in matter["tags"]
    assert "# shared" in card and "GenerativeField.load(" in card and "{" not in card
    assert ("field.sample(" in card) == prior
    assert Image.open(tmp_path / "shared" / "samples.png").size == (8 * 130, 260 if prior else 130)


def test_card_has_the_runs_sheet_and_figures_but_no_paths(tmp_path: Path) -> None:
    field, run = random_field("image"), tmp_path / "run"
    field.save(run / "field")
    Image.new("RGB", (3, 5)).save(run / "sheet.png")
    (run / "summary.json").write_text(json.dumps({"unseen_psnr": 21.1034, "sheet": str(run / "sheet.png")}))
    write_model_folder(field, tmp_path / "shared", run)
    card = (tmp_path / "shared" / "README.md").read_text()
    assert "| unseen psnr | 21.1 |" in card and str(tmp_path) not in card
    assert Image.open(tmp_path / "shared" / "samples.png").size == (3, 5)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    field = random_field("image")
    field.save(tmp_path / "run" / "field")
    with pytest.raises(OutputError, match="holds something already"):
        write_model_folder(field, tmp_path / "run")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["field"]
