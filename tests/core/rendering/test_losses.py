"""The closed form of the rendering error against the renderer itself and autograd, in double precision."""

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.rendering.losses import RenderingLoss
from mnif_core.rendering.volume import composite, elu_density, sample_distances
from mnif_core.signals.scene_rays import DENSITIES, SLOPES
from mnif_core.signals.scenes import SceneSignal
from tests.gradients import assert_same_gradients

SCENES, RAYS, SAMPLES = 3, 41, 32


@jaxtyped(typechecker=beartype)
def error_of(
    criterion: RenderingLoss, values: Float[Tensor, "scenes points 4"]
) -> tuple[Float[Tensor, " scenes"], Float[Tensor, "scenes points 4"]]:
    return criterion(values, slice(0, values.shape[0]), slice(0, values.shape[1]))


def rays(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    directions = torch.rand(SCENES, RAYS, 3, generator=generator, dtype=torch.float64) * 0.6 - 0.3
    directions[..., 2] = -1.0
    return torch.tensor([0.0, 0.0, 1.3], dtype=torch.float64).expand_as(directions), directions


@pytest.mark.parametrize("density", ["elu", "softplus"])
@pytest.mark.parametrize("activations", [1 << 17, 3000])
def test_error_colours_and_gradients_are_the_renderers(
    density: str, activations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnif_core.networks.kernels.cpu.tiling.ACTIVATIONS", activations)
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    signal = SceneSignal(density=density, samples_per_ray=SAMPLES)  # type: ignore[arg-type]
    mixture = MixtureSiren(MixtureConfig(hidden_layers=1, width=16, num_bases=8, latent_dim=8)).double()
    latents = torch.randn(SCENES, 8, generator=generator, dtype=torch.float64)
    origins, directions = rays(generator)
    colors = torch.rand(SCENES, RAYS, 3, generator=generator, dtype=torch.float64)
    jitter = torch.rand(SCENES, RAYS, SAMPLES, generator=generator, dtype=torch.float64)
    errors, rendered = signal.rays_error(mixture.instance(latents), origins, directions, colors, jitter)
    made = signal.render_rays(mixture.instance(latents), origins, directions, jitter).color
    expected = (made - colors).square().mean((1, 2))
    torch.testing.assert_close(errors, expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(rendered, made.detach(), atol=1e-12, rtol=0)
    by_errors, variables = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64), list(mixture.parameters())
    assert_same_gradients(errors, expected, variables, by_errors, atol=1e-12, rtol=1e-9)


def test_gradient_by_raw_values_from_empty_to_opaque() -> None:
    generator = torch.Generator().manual_seed(1)
    values = 6.0 * torch.randn(SCENES, RAYS * SAMPLES, 4, generator=generator, dtype=torch.float64)
    values.requires_grad_()
    depths = torch.linspace(0.8, 1.8, SAMPLES, dtype=torch.float64).expand(SCENES, RAYS, SAMPLES)
    norms = 1.0 + torch.rand(SCENES, RAYS, generator=generator, dtype=torch.float64)
    colors = torch.rand(SCENES, RAYS, 3, generator=generator, dtype=torch.float64)
    criterion = RenderingLoss(colors, sample_distances(depths, norms), elu_density, SLOPES["elu"])
    samples = values.unflatten(1, (RAYS, SAMPLES))
    made = composite(samples[..., :3], elu_density(samples[..., 3]), depths, norms).color * 0.5 + 0.5
    expected = (made - colors).square().mean((1, 2))
    errors, gradient = error_of(criterion, values.detach())
    torch.testing.assert_close(errors, expected.detach(), atol=1e-12, rtol=1e-12)
    (by_autograd,) = torch.autograd.grad(expected.sum(), values)
    torch.testing.assert_close(gradient, by_autograd, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(DENSITIES))
def test_slopes_are_the_derivatives_of_densities(name: str) -> None:
    raw = torch.linspace(-19.0, 19.0, 2001, dtype=torch.float64, requires_grad=True)
    density = DENSITIES[name](raw)
    (derivative,) = torch.autograd.grad(density.sum(), raw)
    torch.testing.assert_close(SLOPES[name](density.detach()), derivative, atol=1e-12, rtol=1e-9)
