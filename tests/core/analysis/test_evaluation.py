"""Evaluation of a run: its own figures, nothing from training data unless it says so, results kept while they hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnif_core import GenerativeField, ImageTrainer, VoxelTrainer
from mnif_core.analysis.evaluation import NOISE, REAL, splits
from mnif_core.cli import main
from mnif_core.errors import DataError
from mnif_core.signals.image_files import load_images
from mnif_core.signals.voxels import VoxelSignal

SETTINGS: dict[str, Any] = {"fit_length": 60, "prior_length": 40, "device": "cpu"}


def balls() -> np.ndarray:
    points = VoxelSignal(16).grid().numpy()
    rng = np.random.default_rng(0)
    return np.stack(
        [
            (np.linalg.norm(points - rng.uniform(-0.2, 0.2, 3), axis=1) < rng.uniform(0.3, 0.7)).reshape(16, 16, 16)
            for _ in range(40)
        ]
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("images")
    np.save(folder / "set.npy", load_images(None, 16).images[:60].numpy())
    ImageTrainer(folder / "set.npy", output_dir=folder / "run", resolution=16, **SETTINGS).fit()
    return folder / "run", folder / "set.npy"


@pytest.fixture(scope="module")
def voxels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("voxels")
    np.save(folder / "set.npy", balls())
    VoxelTrainer(folder / "set.npy", output_dir=folder / "run", **SETTINGS).fit()
    return folder / "run", folder / "set.npy"


def evaluated(run: Path, data: Path) -> dict[str, Any]:
    assert main(["evaluate", str(run), "--data", str(data), "--samples", "40"]) == 0
    return json.loads((run / "evaluation.json").read_text())["figures"]


def test_images(images: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run, data = images
    figures = evaluated(run, data)
    summary = json.loads((run / "summary.json").read_text())
    test = figures["reconstruction, test"]
    assert test["instances"] == summary["unseen_instances"] == 6
    assert test["PSNR"] == pytest.approx(summary["unseen_psnr"], abs=1e-3)
    assert figures["extractor"] == "efficientnet-lite0" and "FID" not in json.dumps(figures)
    distance = "Frechet distance (efficientnet-lite0)"
    order = [figures[name][distance] for name in (REAL, "generation", NOISE)]
    assert order == sorted(order)
    capsys.readouterr()
    evaluated(run, data)
    assert "unchanged" in capsys.readouterr().out
    assert (run / "closest.png").exists()


def test_figures_are_made_anew_for_other_data(images: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run, data = images
    evaluated(run, data)
    array = np.load(data)
    array[-1] = 255 - array[-1]
    changed = data.with_name("changed") / "set.npy"  # of the same name, so that instances are called the same
    changed.parent.mkdir(exist_ok=True)
    np.save(changed, array)
    capsys.readouterr()
    evaluated(run, changed)
    assert "unchanged" not in capsys.readouterr().out


def test_solids(voxels: tuple[Path, Path]) -> None:
    run, data = voxels
    figures = evaluated(run, data)
    summary = json.loads((run / "summary.json").read_text())
    test = figures["reconstruction, test"]
    assert test["IoU near surfaces"] == pytest.approx(summary["unseen_iou"], abs=1e-3)
    assert test["IoU of grids"] == pytest.approx(summary["unseen_grid_iou"], abs=1e-3)
    assert figures[REAL]["MMD"] < figures[NOISE].get("MMD", float("inf"))
    assert figures["generation"]["against"] == "4 test shapes"


def test_splits_are_the_runs_own(images: tuple[Path, Path]) -> None:
    run, data = images
    field = GenerativeField.load(run / "field")
    parts = splits(field, load_images(data, 16))
    assert parts["train"].names == field.names
    assert not set(parts["test"].names) & set(field.names)
    torch.testing.assert_close(field.reconstruct(parts["train"]), field.latents, atol=1e-5, rtol=1e-4)
    with pytest.raises(DataError, match="without set_0000.*pass the run's own --data"):
        splits(field, load_images(data, 16).subset([58, 59]))
