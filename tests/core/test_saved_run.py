"""What RUN names: folders as ever, and the demo fields, which commands read and never write to."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from mnif_core.cli import main
from mnif_core.data import demo
from mnif_core.data.demo.car_scenes import make_demo_cars
from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.saved_run import DEMO_FIELDS, DEMOS, PREFIX, field_folder, fitted_folder, output_folder
from mnif_core.unseen.saved_scenes import SavedScenes
from tests.small_field import small_field

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
MOST = 6_000_000  # bytes of all demo fields


def package_files() -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in DEMO_FIELDS.rglob("*") if path.is_file()}


def test_folders_are_found_as_ever(tmp_path: Path) -> None:
    small_field("image").save(tmp_path / "run" / "field")
    assert field_folder(tmp_path / "run") == field_folder(tmp_path / "run" / "field") == tmp_path / "run" / "field"
    assert fitted_folder(tmp_path / "run") == tmp_path / "run" / "field"
    assert output_folder(str(tmp_path / "run")) == tmp_path / "run"
    for folder in (tmp_path / "run", tmp_path / "run" / "field"):
        assert GenerativeField.load(folder).names == small_field("image").names


@pytest.mark.parametrize("name", DEMOS)
def test_demo_fields_load_and_draw(name: str) -> None:
    field = GenerativeField.load(PREFIX + name)
    assert field.signal.kind == {"cars": "scene", "clothes": "image", "solids": "voxel"}[name]
    assert field.prior is not None and len(field.names) == len(field.latents)
    assert all(value.dtype == torch.float32 for value in field.modulation.state_dict().values())
    options: dict[str, Any] = {"views": 1} if name == "cars" else {}
    samples = field.sample(2, seed=0, **options)
    assert torch.isfinite(samples).all() and float(samples.std()) > 0.05
    assert float((samples[0] - samples[1]).abs().max()) > 0.1


@pytest.mark.parametrize("name", DEMOS)
def test_demo_fields_hold_what_shows_them_alone(name: str) -> None:
    folder = DEMO_FIELDS / name
    with safe_open(folder / "model.safetensors", "pt") as file:
        kinds = {part: file.get_tensor(part).dtype for part in file.keys()}  # noqa: SIM118 (not a dict)
    assert not any(part.startswith("prior.denoiser") for part in kinds)
    assert set(kinds.values()) <= {torch.float16, torch.int64}
    figures = json.loads((folder / "summary.json").read_text())
    card = (folder / "README.md").read_text()
    before, after = (next(v for key, v in figures.items() if key.endswith(e)) for e in ("of the run", "in 16 bits"))
    assert after == pytest.approx(before, abs=0.01) and f"{after:.4g}" in card
    assert figures["seed"] == 0 and "seed 0" in card and f'load("{PREFIX}{name}")' in card


def test_demo_fields_are_small_and_in_the_wheel() -> None:
    files = set(package_files())
    assert {path.parent.name for path in files} == set(DEMOS)
    assert sum(path.stat().st_size for path in files) <= MOST
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    package = Path(demo.__file__).parent
    assert files <= {path for pattern in settings["mnif_core.data.demo"] for path in package.glob(pattern)}


def test_commands_leave_the_package_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = package_files()
    monkeypatch.chdir(tmp_path)
    assert main(["sample", "demo:clothes", "--count", "3"]) == 0
    sheet = Path("outputs/demo-fields/clothes/samples-seed-0.png")
    assert str(sheet) in capsys.readouterr().out
    assert np.asarray(Image.open(sheet)).std() > 10
    assert main(["export", "demo:clothes", "latents.npz"]) == 0
    assert main(["export", "demo:solids", "mine", "--half"]) == 0
    assert "unseen IoU, kept in 16 bits" in (tmp_path / "mine" / "README.md").read_text()
    assert main(["bases", "demo:solids"]) == 0
    assert Path("outputs/demo-fields/solids/bases.png").is_file()
    assert package_files() == before


def test_a_scene_fitted_to_a_demo_field_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = package_files()
    cars = make_demo_cars(tmp_path / "cars", cars=1, views=5, size=16)
    monkeypatch.chdir(tmp_path)
    command = ["fit-scene", "demo:cars", "--images", str(cars / "cars_train" / "car_0000"), "--weight-steps", "1"]
    assert main([*command, "--name", "mine"]) == 0
    assert "outputs/demo-fields/cars/fitted" in capsys.readouterr().out
    latents = GenerativeField.load("demo:cars").latents
    assert list(SavedScenes(fitted_folder("demo:cars"), latents)) == ["mine"]
    assert package_files() == before


def test_another_demo_name_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="demo:planes: no such demo field"):
        GenerativeField.load("demo:planes")
    for command in (["view", "demo:planes"], ["sample", "demo:"], ["export", "demo:cars/field", "a.npz"]):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and all(PREFIX + name in error for name in DEMOS)
