"""Grids between training instances: named corners, framed corners, several views of scenes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnif_core.cli import main
from mnif_core.errors import ConfigError
from mnif_core.evaluation.interpolation import corner_numbers
from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.cameras import spiral_opengl
from tests.core.test_cli import save_field

GREEN = [26, 178, 51]
NAMES = ["chair/a.npy", "chair/b.npy", "sofa/a.npy", "lamp/3.npy"]


def test_corners_by_number_and_by_class() -> None:
    assert corner_numbers(NAMES, ["chair", "sofa", "lamp", "chair"]) == [0, 2, 3, 1]
    assert corner_numbers(NAMES, ["3", "chair/b", "0", "9"]) == [3, 1, 0, 9]
    with pytest.raises(ConfigError, match="'lamp': no training instance is left"):
        corner_numbers(NAMES, ["lamp", "lamp", "0", "1"])


def test_views_of_scenes_are_those_of_the_fixed_cameras(tmp_path: Path) -> None:
    run = save_field("scene", tmp_path / "run")
    arguments = ["interpolate", str(run), "--corners", "item_4", "1", "0", "2", "--size", "2", "--views", "3"]
    assert main(arguments) == 0
    sheet = np.asarray(Image.open(run / "interpolation.png").convert("RGB"))
    assert sheet.shape[:2] == (2 * 262, 2 * 262), "three grids of 2 x 2 on 2 x 2 places"
    field = GenerativeField.load(run / "field")
    seen = (
        field.render(field.latents[1], spiral_opengl(3)[1])[0].repeat_interleave(16, 0).repeat_interleave(16, 1) * 255
    ).round()
    corner = sheet[:128, 262 + 130 : 262 + 258]
    assert (corner[0] == GREEN).all() and (corner[:, 0] == GREEN).all()
    np.testing.assert_allclose(corner[3:-3, 3:-3], seen[3:-3, 3:-3], atol=1)


def test_several_views_are_for_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_field("image", tmp_path / "run")
    assert main(["interpolate", str(run), "--views", "2"]) == 1
    assert "fields of scenes have more" in capsys.readouterr().err
