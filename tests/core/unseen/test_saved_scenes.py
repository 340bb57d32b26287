"""Scenes added to a field's folder: whole, never silently replaced, never shown by another field."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mnif_core.errors import CheckpointError, ConfigError, OutputError
from mnif_core.generative_field import GenerativeField
from mnif_core.unseen.saved_scenes import SavedScene, SavedScenes, read_scene, save_scene, saved_names
from tests.core.test_cli import save_field


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_field("scene", tmp_path / "run") / "field"


def test_a_scene_comes_back_with_its_own_network(folder: Path) -> None:
    field = GenerativeField.load(folder)
    latent, points = torch.randn(6), torch.rand(1, 9, 3)
    networks = field.instance(latent)
    save_scene(folder, SavedScene("chair.v2", latent), field.latents)
    own = tuple(weight + 0.1 for weight in networks.weights)
    save_scene(folder, SavedScene("own", latent, own, networks.biases), field.latents)
    assert saved_names(folder) == ["chair.v2", "own"]
    plain, moved = (read_scene(folder, name, field.latents) for name in saved_names(folder))
    assert torch.equal(plain.latent, latent) and not plain.weights
    torch.testing.assert_close(plain.networks(field.modulation)(points), networks(points))
    for weight, expected in zip(moved.networks(field.modulation).weights, own, strict=True):
        assert torch.equal(weight, expected)


def test_names_are_not_taken_twice(folder: Path) -> None:
    latents = GenerativeField.load(folder).latents
    path = save_scene(folder, SavedScene("chair", torch.zeros(6)), latents)
    with pytest.raises(ConfigError, match="'chair' was fitted before"):
        save_scene(folder, SavedScene("chair", torch.ones(6)), latents)
    assert torch.equal(read_scene(folder, "chair", latents).latent, torch.zeros(6))
    save_scene(folder, SavedScene("chair", torch.ones(6)), latents, may_replace=True)
    assert torch.equal(read_scene(folder, "chair", latents).latent, torch.ones(6))
    for bad in ("", "../chair", ".hidden", "a chair"):
        with pytest.raises(ConfigError, match="letters, digits"):
            save_scene(folder, SavedScene(bad, torch.ones(6)), latents)
    assert [entry.name for entry in path.parent.iterdir()] == ["chair.safetensors"]


def test_scenes_outlive_a_report_but_not_more_training(folder: Path) -> None:
    field = GenerativeField.load(folder)
    save_scene(folder, SavedScene("chair", torch.ones(6)), field.latents)
    field.save(folder)
    assert torch.equal(read_scene(folder, "chair", field.latents).latent, torch.ones(6))
    with pytest.raises(CheckpointError, match="before it was trained on"):
        read_scene(folder, "chair", field.latents + 1e-3)


def test_what_is_missing_or_damaged_is_named(folder: Path) -> None:
    latents = GenerativeField.load(folder).latents
    with pytest.raises(ConfigError, match="no fitted scene 'chair'; add one"):
        read_scene(folder, "chair", latents)
    path = save_scene(folder, SavedScene("stool", torch.ones(6)), latents)
    with pytest.raises(ConfigError, match="choose one of stool"):
        read_scene(folder, "chair", latents)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="damaged"):
        read_scene(folder, "stool", latents)
    (folder / "blocked").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_scene(folder / "blocked", SavedScene("stool", torch.ones(6)), latents)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": torch.ones(7)}, "not the tensors of a fitted scene"),
        ({"latent": torch.full((6,), torch.nan)}, "numbers from nan"),
        ({"weight.0": torch.ones(1)}, "not the tensors of a fitted scene"),
        ({"weight.0": torch.ones(1, 16, 9), "bias.0": torch.ones(1, 16)}, "fitted scene stool: .* another shape"),
    ],
)
def test_tensors_of_another_scene_are_named(folder: Path, change: dict[str, torch.Tensor], message: str) -> None:
    field = GenerativeField.load(folder)
    path = save_scene(folder, SavedScene("stool", torch.ones(6)), field.latents)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({"latent": torch.ones(6), **change}, path, metadata)
    with pytest.raises(CheckpointError, match=message):
        read_scene(folder, "stool", field.latents).networks(field.modulation)


def test_scenes_added_meanwhile_are_found(folder: Path) -> None:
    latents = GenerativeField.load(folder).latents
    scenes = SavedScenes(folder, latents)
    assert list(scenes) == [] and "chair" not in scenes
    assert len(SavedScenes(folder / "nowhere", latents)) == 0
    save_scene(folder, SavedScene("chair", torch.ones(6)), latents)
    assert list(scenes) == ["chair"] and "chair" in scenes and len(scenes) == 1
    assert torch.equal(scenes["chair"].latent, torch.ones(6))
