"""The `mnif` command on saved fields of every modality, and what it says when something is wrong."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from mnif_core.cli import main
from mnif_core.generative_field import GenerativeField
from mnif_core.prior.bootstrap import BootstrapPrior
from tests.small_field import small_field


def save_field(kind: str, folder: Path, prior: bool = True) -> Path:
    small_field(kind, prior=prior).save(folder / "field")
    return folder


@pytest.fixture(params=["image", "voxel", "scene"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def picture(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_sample_writes_a_sheet_and_says_where(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_field(kind, tmp_path / "run")
    assert main(["sample", str(run), "--count", "5", "--seed", "3"]) == 0
    sheet = run / "samples-seed-3.png"
    assert str(sheet) in capsys.readouterr().out
    assert picture(sheet).shape == (130, 8 * 130, 3)
    assert main(["sample", str(run / "field"), "--count", "5", "--seed", "3", "--output", str(tmp_path / "b.png")]) == 0
    np.testing.assert_array_equal(picture(sheet), picture(tmp_path / "b.png"))
    assert main(["sample", str(run), "--count", "5", "--seed", "4", "--output", str(tmp_path / "c.png")]) == 0
    assert not np.array_equal(picture(sheet), picture(tmp_path / "c.png"))


def test_full_truncation_makes_samples_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_field("image", tmp_path / "run")
    assert main(["sample", str(run), "--count", "2", "--truncation", "0"]) == 0
    sheet = picture(run / "samples-seed-0.png")
    np.testing.assert_array_equal(sheet[:128, :128], sheet[:128, 130:258])
    assert main(["sample", str(run), "--count", "2"]) == 0
    sheet = picture(run / "samples-seed-0.png")
    assert not np.array_equal(sheet[:128, :128], sheet[:128, 130:258])
    assert "truncation is 1.5" in failing(["sample", str(run), "--truncation", "1.5"], capsys)


def test_solids_become_watertight_meshes(tmp_path: Path) -> None:
    run = save_field("voxel", tmp_path / "run")
    assert main(["sample", str(run), "--count", "3", "--resolution", "20"]) == 0
    meshes = [trimesh.load_mesh(path) for path in sorted((run / "samples-seed-0").glob("*.ply"))]
    assert len(meshes) == 3 and all(mesh.is_watertight for mesh in meshes)


def test_interpolation_has_the_corners_at_its_corners(kind: str, tmp_path: Path) -> None:
    run = save_field(kind, tmp_path / "run")
    assert main(["interpolate", str(run), "--corners", "4", "1", "0", "2", "--size", "3"]) == 0
    field = GenerativeField.load(run / "field")
    grid = field.bilinear((4, 1, 0, 2), 3)
    torch.testing.assert_close(grid[[0, 2, 6, 8]], field.latents[[4, 1, 0, 2]])
    torch.testing.assert_close(grid[4], field.latents[[4, 1, 0, 2]].mean(0))
    assert picture(run / "interpolation.png").shape == (390, 390, 3)


@pytest.mark.parametrize(("kind", "size"), [("image", 8), ("voxel", 12)], indirect=["kind"])
def test_reconstruct_finds_latents_of_unseen_data(
    kind: str, size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_field(kind, tmp_path / "run")
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (3, 8, 8, 3), dtype=np.uint8) if kind == "image" else rng.random((3, 12, 12, 12)) < 0.2
    np.save(tmp_path / "unseen.npy", data)
    assert main(["reconstruct", str(run), "--data", str(tmp_path / "unseen.npy")]) == 0
    assert re.search(r"(PSNR|IoU) of 3 instances \d", capsys.readouterr().out)
    assert picture(run / "reconstruction.png").shape == (130, 16 * 130, 3)


def failing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_field("image", tmp_path / "run")
    bare = save_field("image", tmp_path / "bare", prior=False)
    scene = save_field("scene", tmp_path / "scene")
    assert "nothing" in failing(["sample", str(tmp_path / "nothing")], capsys)
    assert "no prior" in failing(["sample", str(bare)], capsys)
    assert "trained without labels" in failing(["sample", str(run), "--label", "hat"], capsys)
    labelled = GenerativeField.load(run / "field")
    labelled.labels = ["hat", "hat", "shoe", "shoe", "shoe"]
    labelled.prior = BootstrapPrior.fit(labelled.latents, labels=torch.tensor([0, 0, 1, 1, 1]), classes=2)
    labelled.save(tmp_path / "labelled/field")
    assert "choose one of hat, shoe" in failing(["sample", str(tmp_path / "labelled"), "--label", "sock"], capsys)
    assert "choose one of hat, shoe" in failing(["view", str(tmp_path / "labelled"), "--show", "sample:1:sock"], capsys)
    assert main(["sample", str(tmp_path / "labelled"), "--label", "shoe", "--guidance", "3", "--count", "2"]) == 0
    assert "samples-seed-0-shoe.png" in capsys.readouterr().out
    assert "0 to 4" in failing(["interpolate", str(run), "--corners", "0", "1", "2", "5"], capsys)
    assert "choose 2 or more" in failing(["interpolate", str(run), "--size", "1"], capsys)
    assert "1 to 1000" in failing(["sample", str(run), "--steps", "0"], capsys)
    assert "gone.npy" in failing(["reconstruct", str(run), "--data", str(tmp_path / "gone.npy")], capsys)
    assert "choose auto or torch" in failing(
        ["sample", str(run), "--device", "cpu", "--implementation", "tcnn"], capsys
    )
    assert "SRN layout" in failing(["reconstruct", str(scene)], capsys)
    assert "no image preset" in failing(["image", "--preset", "voxel-s"], capsys)


@pytest.mark.parametrize("command", ["image", "voxel", "sample", "reconstruct", "interpolate", "fit-scene"])
def test_help_explains_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "--output" in text
    options = set(re.findall(r"--([a-z-]+)", text)) - {"no-skip-bad", "no-resume", "no-labels"}
    assert len(options) >= 4
