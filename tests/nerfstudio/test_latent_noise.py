"""Noise on the latents of a step, drawn by the pipeline, and only where it is handed over."""

from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox

from mnif_core.errors import ConfigError
from mnif_core.latents.latent_noise import noised
from mnif_nerfstudio.model import MnifModel, MnifModelConfig

SCENES, RAYS = 2, 3


def model_with(**options: Any) -> MnifModel:
    torch.manual_seed(0)
    config = MnifModelConfig(width=8, num_bases=2, latent_dim=4, prior_width=16, latent_std=1.0, **options)
    views = {"camera_distance": 1.3, "height": 4, "width": 4, "focal": 5.0}
    metadata = {"scene_names": ["one", "two", "three"], "views": views}
    return config.setup(scene_box=SceneBox(torch.zeros(2, 3)), num_train_data=1, metadata=metadata)


def rays(noise: torch.Tensor | None) -> RayBundle:
    generator = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(SCENES * RAYS, 3, generator=generator), dim=1)
    bundle = RayBundle(
        origins=-1.3 * directions,
        directions=directions,
        pixel_area=torch.ones(SCENES * RAYS, 1),
        metadata={
            "scene": torch.tensor([2, 0]).repeat_interleave(RAYS)[:, None],
            "color": torch.rand(SCENES * RAYS, 3, generator=generator),
        },
    )
    if noise is not None:
        bundle.metadata["latent_noise"] = noise
    return bundle


def test_it_moves_what_is_rendered_and_not_what_the_penalty_sees() -> None:
    noise = torch.randn(SCENES, 4)
    model, moved = model_with(latent_noise=0.5), model_with()
    without, with_noise = model(rays(None)), model(rays(noise))
    assert not torch.allclose(without["rgb_error"], with_noise["rgb_error"])
    assert torch.equal(without["latents"], with_noise["latents"])
    with torch.no_grad():
        table, index = moved.latents, torch.tensor([2, 0])
        table[index] = noised(table[index], table.clone(), noise, 0.5)
    torch.testing.assert_close(moved(rays(None))["rgb_error"], with_noise["rgb_error"])


def test_off_is_bit_for_bit_what_there_was() -> None:
    model = model_with()
    assert torch.equal(model(rays(torch.randn(SCENES, 4)))["rgb_error"], model(rays(None))["rgb_error"])


def test_less_than_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="latent_noise is -0.1; pass --pipeline.model.latent-noise 0 or more"):
        model_with(latent_noise=-0.1)
