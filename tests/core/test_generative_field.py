"""The artefact: what it decodes, and that saving and loading lose nothing and refuse what is broken."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.functa import FunctaConfig
from mnif_core.networks.hypernetwork import HypernetworkConfig
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.modulation import ModulationConfig
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.scenes import SceneSignal
from tests.small_field import small_field


@pytest.fixture
def field() -> GenerativeField:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(hidden_layers=1, width=16, num_bases=4, latent_dim=6, w0=10.0))
    latents = torch.randn(10, 6)
    prior = LatentPrior(PriorConfig(latent_dim=6, width=32, blocks=2))
    prior.fit_statistics(latents)
    signal = SceneSignal(samples_per_ray=8, height=12, width=12, focal=12.3)
    return GenerativeField(mixture, latents, signal, prior, [f"car {i}" for i in range(10)])


def test_saved_and_loaded_it_samples_the_same(field: GenerativeField, tmp_path: Path) -> None:
    loaded = GenerativeField.load(field.save(tmp_path / "run" / "field"))
    assert loaded.names == field.names
    assert loaded.signal == field.signal
    assert torch.equal(loaded.latents, field.latents)
    assert torch.equal(loaded.sample(2, seed=5), field.sample(2, seed=5))
    assert sorted(p.name for p in (tmp_path / "run" / "field").iterdir()) == [
        "config.json",
        "latents.safetensors",
        "model.safetensors",
    ]
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["field"]


@pytest.mark.parametrize(
    "config",
    [FunctaConfig(3, 4, 1, 16, 6, w0=10.0), HypernetworkConfig(3, 4, 1, 16, 6, 8, 2, w0=10.0)],
    ids=lambda config: config.kind,
)
def test_every_modulation_comes_back(field: GenerativeField, tmp_path: Path, config: ModulationConfig) -> None:
    other = GenerativeField(config.build(), field.latents, field.signal, field.prior, field.names)
    loaded = GenerativeField.load(other.save(tmp_path / "field"))
    assert loaded.modulation.config == config
    assert torch.equal(loaded.sample(2, seed=5), other.sample(2, seed=5))


def test_folders_of_version_1_still_load(field: GenerativeField, tmp_path: Path) -> None:
    folder = field.save(tmp_path / "field")
    config = json.loads((folder / "config.json").read_text())
    mixture = config.pop("modulation")
    assert mixture.pop("kind") == "mixture"
    (folder / "config.json").write_text(json.dumps(config | {"version": 1, "mixture": mixture}))
    weights = load_file(folder / "model.safetensors")
    older = {name.replace("modulation.", "mixture."): value for name, value in weights.items()}
    save_file(older, folder / "model.safetensors")
    assert torch.equal(GenerativeField.load(folder).sample(2, seed=5), field.sample(2, seed=5))


def test_saving_again_replaces_the_folder(field: GenerativeField, tmp_path: Path) -> None:
    field.save(tmp_path / "field")
    field.latents = field.latents + 1
    field.save(tmp_path / "field")
    assert torch.equal(GenerativeField.load(tmp_path / "field").latents, field.latents)
    assert [p.name for p in tmp_path.iterdir()] == ["field"]


def test_seeds(field: GenerativeField) -> None:
    assert torch.equal(field.sample_latents(3, seed=1), field.sample_latents(3, seed=1))
    assert not torch.equal(field.sample_latents(3, seed=1), field.sample_latents(3, seed=2))
    assert not torch.equal(field.sample_latents(3), field.sample_latents(3))


def test_interpolation_starts_and_ends_at_the_ends(field: GenerativeField) -> None:
    first, second = field.latents[0], field.latents[1]
    road = field.interpolate(first, second, 5, views=1)
    ends = field.decode(torch.stack([first, second]), views=1)
    assert road.shape == (5, 1, 12, 12, 3)
    assert torch.allclose(road[0], ends[0], atol=1e-6)
    assert torch.allclose(road[-1], ends[1], atol=1e-6)
    assert not torch.allclose(road[2], ends[0], atol=1e-3)


def test_render_shows_what_decode_shows(field: GenerativeField) -> None:
    camera = SceneSignal.of(field.signal).orbit(4)[2]
    assert torch.allclose(field.render(field.latents[:1], camera), field.decode(field.latents[:1])[:, 2], atol=1e-6)
    assert field.render(field.latents[:3], camera, height=5, width=9).shape == (3, 5, 9, 3)


def test_without_a_prior_sampling_says_so(field: GenerativeField, tmp_path: Path) -> None:
    field.prior = None
    loaded = GenerativeField.load(field.save(tmp_path / "field"))
    with pytest.raises(ConfigError, match="no prior"):
        loaded.sample(1)


def test_broken_folders_are_one_line(field: GenerativeField, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not found"):
        GenerativeField.load(tmp_path / "nowhere")
    folder = field.save(tmp_path / "field")
    weights, config = folder / "model.safetensors", folder / "config.json"
    whole, text = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged") as caught:
        GenerativeField.load(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    weights.write_bytes(whole)
    changed = json.loads(text)
    changed["modulation"]["num_bases"] = 5
    config.write_text(json.dumps(changed))
    with pytest.raises(CheckpointError, match="do not fit") as caught:
        GenerativeField.load(folder)
    assert "\n" not in str(caught.value)
    config.write_text("{}")
    with pytest.raises(CheckpointError, match="not a generative field"):
        GenerativeField.load(folder)


def test_half_precision_rounds_and_leaves_the_denoiser_out(tmp_path: Path) -> None:
    field = small_field("image")
    assert isinstance(field.prior, LatentPrior)
    field.prior.averaged.output.weight.data.normal_()  # apart from the denoiser, which is not kept
    loaded = GenerativeField.load(field.save(tmp_path / "half", half=True))
    assert torch.equal(loaded.latents, field.latents.half().float())
    for name, value in field.modulation.state_dict().items():
        assert torch.equal(loaded.modulation.state_dict()[name], value.half().float())
    torch.testing.assert_close(loaded.sample_latents(3, seed=1), field.sample_latents(3, seed=1), atol=0.02, rtol=0.02)
    assert isinstance(loaded.prior, LatentPrior)
    assert torch.equal(loaded.prior.denoiser.output.weight, loaded.prior.averaged.output.weight)
    whole = field.save(tmp_path / "whole")
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "half", whole)]
    assert sizes[0] < 0.6 * sizes[1]
    loaded.prior.denoiser.output.weight.data.zero_()  # training on would not move both
    assert float(loaded.prior.averaged.output.weight.abs().max()) > 0


def test_numbers_too_large_for_half_precision_are_refused(tmp_path: Path) -> None:
    field = small_field("image")
    field.latents[0, 0] = 1e6
    with pytest.raises(ConfigError, match="latents has numbers that 16 bits cannot hold"):
        field.save(tmp_path / "half", half=True)
    assert not list(tmp_path.iterdir())
