"""`--pipeline.model.implementation` decides what evaluates the plugin's networks."""

from typing import Any

import pytest
import torch
from nerfstudio.data.scene_box import SceneBox

from mnif_core.errors import ConfigError
from mnif_nerfstudio.model import MnifModel, MnifModelConfig


def model_with(implementation: Any) -> MnifModel:
    config = MnifModelConfig(implementation=implementation, width=32, num_bases=2, latent_dim=4, prior_width=16)
    metadata = {
        "scene_names": ["one"],
        "views": {"camera_distance": 1.3, "height": 4, "width": 4, "focal": 5.0},
    }
    return config.setup(scene_box=SceneBox(torch.zeros(2, 3)), num_train_data=1, metadata=metadata)


def test_what_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="'tcnn' is not to be had: .*; choose auto or torch"):
        model_with("tcnn").field.density_fn(torch.zeros(2, 3))


def test_plain_torch_is_always_there() -> None:
    assert model_with("torch").field.density_fn(torch.zeros(2, 3)).shape == (2, 1)
