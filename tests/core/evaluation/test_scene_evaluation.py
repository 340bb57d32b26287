"""Evaluation of scene fields: views that training saw, views that it did not, unseen scenes, samples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.cli import main
from mnif_core.evaluation.evaluation import CLOSEST_PICTURES, NOISE, REAL, RECONSTRUCTIONS, SAMPLES
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.scenes import SceneSignal

SIZE, VIEWS, SCENES = 16, 6, 10
SIGNAL = SceneSignal(samples_per_ray=8, height=SIZE, width=SIZE, focal=1.025 * SIZE, held_out_views=2)


def write_views(field: GenerativeField, latents: torch.Tensor, folder: Path) -> None:
    """What the field shows of `latents`, in SRN layout."""
    for scene, latent in enumerate(latents):
        instance = folder / f"scene_{scene}"
        for name in ("rgb", "pose"):
            (instance / name).mkdir(parents=True)
        (instance / "intrinsics.txt").write_text(f"{1.025 * SIZE} {SIZE / 2} {SIZE / 2} 0.\n{SIZE} {SIZE}\n")
        for view, camera in enumerate(SceneSignal.of(field.signal).orbit(VIEWS)):
            picture = (field.render(latent, camera)[0] * 255).round().byte().numpy()
            Image.fromarray(picture).save(instance / "rgb" / f"{view:06d}.png")
            pose = np.vstack([camera.numpy() * [1, -1, -1, 1], [0, 0, 0, 1]])
            (instance / "pose" / f"{view:06d}.txt").write_text(" ".join(f"{number:.9f}" for number in pose.flatten()))


def colourful() -> MixtureSiren:
    """Scenes whose colours latents of 6 numbers change."""
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(3, 4, 1, 16, 4, 6, w0=4.0))
    with torch.no_grad():
        mixture.basis_weights[-1].mul_(3)
        mixture.basis_biases[-1][:, 3] += 8.0  # opaque enough to be seen
    return mixture


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field that reconstructs its training data, up to rounding, in a folder with them."""
    folder = tmp_path_factory.mktemp("scenes")
    mixture = colourful()
    latents = torch.randn(SCENES, 6)
    prior = LatentPrior(PriorConfig(6, width=32, blocks=1))
    prior.fit_statistics(latents)
    field = GenerativeField(mixture, latents, SIGNAL, prior, [f"scene_{i}" for i in range(SCENES)])
    field.save(folder / "run/field")
    write_views(field, latents, folder / "data/cars_train")
    write_views(field, torch.randn(4, 6), folder / "data/cars_test")
    return folder


def evaluated(run: Path, data: Path, *options: str) -> dict[str, Any]:
    assert main(["evaluate", str(run / "run"), "--data", str(data), *options]) == 0
    return json.loads((run / "run/evaluation.json").read_text())["figures"]


def test_splits_and_figures(run: Path) -> None:
    figures = evaluated(run, run / "data", "--unseen-scenes", "2")
    train, held_out = figures["reconstruction, train"], figures["reconstruction, views held out of training scenes"]
    assert train["views"] == "40 of 40" and held_out["views"] == "20 of 20"
    assert train["PSNR"] > 45 and held_out["PSNR"] > 45, "the data are the field's own pictures, rounded"
    unseen = figures["reconstruction, test"]
    assert unseen["scenes"].startswith("2 of 4") and 20 < unseen["PSNR"] < train["PSNR"]
    assert figures["generation"]["against"] == "24 of 24 views of 4 test scenes"
    assert figures["generation"]["samples"] == 24, "no more than there are views"
    for split in (train, held_out):
        assert 0.7 < split["sharpness"] < 1.0, "the data's rounding to 8 bits is grain that smooth pictures lack"
    assert 0 < unseen["sharpness"] < held_out["sharpness"] and figures["generation"]["sharpness"] > 0
    assert [figures[name]["each"] for name in (REAL, RECONSTRUCTIONS, SAMPLES, NOISE)] == 4 * [12]
    distance = "kernel distance (efficientnet-lite0)"
    assert figures[REAL][distance] < figures[NOISE][distance] > figures[SAMPLES][distance]
    assert figures["memorisation"]["training instances"] == SCENES
    assert all((run / "run" / name).exists() for name in CLOSEST_PICTURES)


def test_views_are_limited_and_training_views_are_called_so(run: Path, tmp_path: Path) -> None:
    figures = evaluated(run, run / "data/cars_train", "--views", "12", "--samples", "6")
    assert "reconstruction, test" not in figures
    assert figures["generation"]["against"] == "12 of 40 views of 10 train scenes"
    assert figures["generation"]["samples"] == 6
    assert figures["reconstruction, train"]["views"] == "12 of 40"
    distance = "kernel distance (efficientnet-lite0)"
    assert figures[RECONSTRUCTIONS]["each"] == 6, "of 12 views, half are of scenes with odd numbers"
    # the field reconstructs its data exactly, so these are the real views of the row above
    assert figures[RECONSTRUCTIONS][distance] == pytest.approx(figures[REAL][distance], abs=0.05)


def test_scenes_with_labels_are_judged_by_them(tmp_path: Path) -> None:
    kinds = torch.tensor([0, 1] * 4)
    latents = (2.0 * kinds - 1.0)[:, None] + 0.2 * torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    prior = GaussianMixturePrior.fit(latents[:6], labels=kinds[:6], classes=2)
    field = GenerativeField(colourful(), latents[:6], SIGNAL, prior, [f"scene_{i}" for i in range(6)])
    field.labels = [("left", "right")[kind] for kind in kinds[:6]]
    field.save(tmp_path / "run/field")
    write_views(field, latents, tmp_path / "data")
    rows = [f"scene_{i},{('left', 'right')[kind]}" for i, kind in enumerate(kinds)]
    (tmp_path / "data/labels.csv").write_text("\n".join(["name,label", *rows]))
    figures = evaluated(tmp_path, tmp_path / "data", "--unseen-scenes", "1")
    real, samples = figures["labels, real test scenes"], figures["labels, samples unguided"]
    assert real["each"] == 2 * VIEWS and real["class as asked"] == 1.0
    assert samples["class as asked"] > 0.9, "samples of a kind have its colours"
    assert set(figures) >= {"labels, samples at guidance 2"}
    (tmp_path / "data/labels.csv").unlink()
    assert not any(name.startswith("labels") for name in evaluated(tmp_path, tmp_path / "data"))
