"""The presets' counts are those that their (L, W, M, H) give."""

import inspect
import re

import pytest

import mnif_core.training.config
from mnif_core.errors import ConfigError
from mnif_core.preset_config import StageConfig
from mnif_core.presets import PRESETS, preset


@pytest.mark.parametrize(
    ("name", "millions", "inference"),
    [
        ("image-s", 5.93, 17027),  # Table 1 says 4.6 M, 17.2 K
        ("image-l", 33.4, 83331),
        ("voxel-s", 5.13, 16961),  # Table 2 says 4.6 M
        ("voxel-l", 46.3, 83201),
        ("nerf-s", 4.59, 17156),
        ("image-table-4", 0.623, 8707),
        ("image-table-5", 2.5, 8707),
        ("image-table-6", 22.3, 83331),
        ("mnif-mid", 2.25, 17156),
        ("image-mid", 1.73, 12867),
        ("voxel-mid", 1.68, 12801),
        ("image-spatial", 0.576, 11827),
        ("image-spatial-s", 5.20, 22195),
        ("image-spatial-l", 32.7, 95667),
        ("image-functa", 3.28, 2104323),  # Table 1 says 2,629.6 K
        ("nerf-functa", 3.88, 3418628),
        ("image-gem", 99.0, 922407),  # Table 1 says 921.3 K
    ],
)
def test_counts(name: str, millions: float, inference: int) -> None:
    modulation = PRESETS[name].modulation
    assert modulation.learnable_parameters / 1e6 == pytest.approx(millions, rel=0.006)
    assert modulation.instance_parameters == inference


def test_every_prior_has_the_modulations_latents() -> None:
    assert all(value.prior.latent_dim == value.modulation.latent_dim for value in PRESETS.values())


@pytest.mark.parametrize("name", ["image-tiny", "voxel-tiny"])
@pytest.mark.parametrize("rival", ["functa", "hypernetwork"])
def test_tiny_rivals_learn_as_many_parameters(name: str, rival: str) -> None:
    ours, theirs = PRESETS[name].modulation, PRESETS[f"{name}-{rival}"].modulation
    assert theirs.kind == rival
    assert theirs.learnable_parameters == pytest.approx(ours.learnable_parameters, rel=0.02)
    assert theirs.latent_dim == ours.latent_dim


def test_epochs_become_steps() -> None:
    assert StageConfig(800).steps(27000) == 800 * 844
    assert StageConfig(500, "steps").steps(27000) == 500


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no voxel preset 'image-s'; choose one of voxel-s, voxel-l, voxel-tiny"):
        preset("image-s", "voxel")


def test_the_commands_name_every_preset() -> None:
    source = inspect.getsource(mnif_core.training.config)
    for name, value in PRESETS.items():
        assert value.modality == "scene" or re.search(rf"\b{name}[,;.]", source), name
