"""Latents of unseen scenes: found again from views that a known latent has made."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.cli import main
from mnif_core.errors import ConfigError, DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.mixture import MixtureConfig, MixtureSiren
from mnif_core.scene_fitting import fit_scenes
from mnif_core.signals.scenes import SceneSignal
from tests.core.test_cli import save_field

SIZE, VIEWS = 16, 8


@pytest.fixture(scope="module")
def field() -> GenerativeField:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(3, 4, 1, 16, 4, 6, w0=4.0))
    with torch.no_grad():
        mixture.basis_weights[-1].mul_(3)  # colours that latents change
        mixture.basis_biases[-1][:, 3] += 8.0  # opaque enough to be seen
    signal = SceneSignal(samples_per_ray=8, height=SIZE, width=SIZE, focal=1.025 * SIZE)
    return GenerativeField(mixture, torch.randn(12, 6), signal)


@pytest.fixture
def data(field: GenerativeField, tmp_path: Path) -> Path:
    """Views of two latents that are none of the training latents, in SRN layout."""
    generator = torch.Generator().manual_seed(5)
    cameras = field.signal.orbit(VIEWS)
    for scene, latent in enumerate(torch.randn(2, 6, generator=generator)):
        folder = tmp_path / "data" / f"scene_{scene}"
        (folder / "rgb").mkdir(parents=True)
        (folder / "pose").mkdir()
        (folder / "intrinsics.txt").write_text(
            f"{1.025 * SIZE} {SIZE / 2} {SIZE / 2} 0.\n0. 0. 0.\n1.\n{SIZE} {SIZE}\n"
        )
        for view, camera in enumerate(cameras):
            picture = (field.render(latent, camera)[0] * 255).round().byte().numpy()
            Image.fromarray(picture).save(folder / "rgb" / f"{view:06d}.png")
            pose = np.vstack([camera.numpy() * [1, -1, -1, 1], [0, 0, 0, 1]])
            (folder / "pose" / f"{view:06d}.txt").write_text(" ".join(f"{number:.9f}" for number in pose.flatten()))
    return tmp_path / "data"


def test_held_out_views_are_met(field: GenerativeField, data: Path) -> None:
    scenes = fit_scenes(field, data, count=5, held_out=2)
    assert [scene.name for scene in scenes] == ["scene_0", "scene_1"]
    for scene in scenes:
        assert scene.views.shape == scene.made.shape == (2, SIZE, SIZE, 3)
        mean = torch.stack([field.render(field.latents.mean(0), camera)[0] for camera in field.signal.orbit(VIEWS)])
        chosen = mean[[2, 6]]  # the views that are held out
        unfitted = -10 * (chosen - scene.views).square().mean((1, 2, 3)).log10().mean()
        assert scene.psnr > float(unfitted) + 3.0
    again = fit_scenes(field, data, count=1, held_out=2)
    assert torch.equal(again[0].latent, scenes[0].latent)


def test_command_draws_pairs(
    field: GenerativeField, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field.save(tmp_path / "run/field")
    assert main(["reconstruct", str(tmp_path / "run"), "--data", str(data), "--count", "1"]) == 0
    assert "PSNR of 1 instances" in capsys.readouterr().out
    assert (tmp_path / "run/reconstruction.png").exists()


def test_bad_input_is_one_line(field: GenerativeField, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        fit_scenes(field, tmp_path / "nothing", 1, 1)
    (data / "scene_0/pose/000003.txt").write_text("nan " * 16)
    with pytest.raises(DataError, match=r"000003\.txt: not finite"):
        fit_scenes(field, data, 1, 1)
    images = GenerativeField.load(save_field("image", tmp_path / "images") / "field")
    with pytest.raises(ConfigError, match="has no views"):
        fit_scenes(images, data, 1, 1)
