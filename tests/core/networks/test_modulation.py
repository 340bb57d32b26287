"""What every modulation owes: counts, a start as SIREN, and gradients equal to autograd's, twice."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from mnif_core.latents.inner_gradient import squared_error, squared_error_gradient_by_latents
from mnif_core.networks.functa import FunctaConfig, FunctaSiren
from mnif_core.networks.hypernetwork import HypernetworkConfig
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.networks.modulation import Modulation, ModulationConfig
from mnif_core.networks.spatial_mixture import SpatialMixtureConfig

CONFIGS: list[ModulationConfig] = [
    MixtureConfig(2, 3, 2, 7, 4, 5, w0=12.0),
    FunctaConfig(2, 3, 2, 7, 5, w0=12.0),
    HypernetworkConfig(2, 3, 2, 7, 5, 6, 1, w0=12.0),
    HypernetworkConfig(2, 3, 2, 7, 5, 6, 3, w0=12.0),
    SpatialMixtureConfig(2, 3, 2, 7, 4, 5 + 8, w0=12.0, grid=2, corner_dim=2),
]
every_modulation = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)


def built(config: ModulationConfig, dtype: torch.dtype = torch.float64) -> tuple[Modulation, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    modulation = config.build().to(dtype)
    latents = modulation.mean_latent().to(dtype) + 0.3 * torch.randn(3, config.latent_dim, dtype=dtype)
    return modulation, latents, torch.rand(3, 11, 2, dtype=dtype) * 2 - 1, torch.rand(3, 11, 3, dtype=dtype) * 2 - 1


@every_modulation
def test_counts_are_those_of_the_tensors(config: ModulationConfig) -> None:
    modulation, latents, _, _ = built(config)
    assert sum(parameter.numel() for parameter in modulation.parameters()) == config.learnable_parameters
    networks = modulation.instance(latents)
    assert networks.num_instances == 3
    assert [tuple(weight.shape[1:]) for weight in networks.weights] == config.layer_shapes
    per_instance = sum(part[0].numel() for part in networks.tensors)
    assert per_instance == config.instance_parameters


@every_modulation
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("output", ["sine", "none"])
def test_latent_gradient_equals_autograd_twice(config: Any, output: str, layers: int) -> None:
    modulation, latents, coordinates, targets = built(replace(config, hidden_layers=layers, output_activation=output))
    latents.requires_grad_()
    loss = squared_error(modulation.instance(latents)(coordinates), targets).sum()
    (expected,) = torch.autograd.grad(loss, latents, create_graph=True)
    ours = squared_error_gradient_by_latents(modulation, latents, coordinates, targets)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-10)
    direction = torch.randn_like(expected)
    variables = [latents, *modulation.parameters()]
    second = torch.autograd.grad((expected * direction).sum(), variables, materialize_grads=True, allow_unused=True)
    ours_second = torch.autograd.grad((ours * direction).sum(), variables, materialize_grads=True, allow_unused=True)
    torch.testing.assert_close(ours_second, second, atol=1e-10, rtol=1e-8)


@every_modulation
def test_instances_do_not_see_each_other(config: ModulationConfig) -> None:
    modulation, latents, coordinates, _ = built(config)
    together = modulation.instance(latents)(coordinates)
    alone = modulation.instance(latents[1:2])(coordinates[1:2])
    torch.testing.assert_close(together[1:2], alone)
    assert (together[0] - modulation.instance(latents[1:2])(coordinates[:1])[0]).abs().max() > 1e-3


@pytest.mark.parametrize(
    "config",
    [FunctaConfig(2, 3, 3, 64, 16), HypernetworkConfig(2, 3, 3, 64, 16, 32, 2)],
    ids=lambda config: config.kind,
)
def test_rivals_start_as_siren(config: ModulationConfig) -> None:
    """Sitzmann et al.: the arguments of hidden sines have unit variance, whatever the depth."""
    modulation, _, _, _ = built(config)
    with torch.no_grad():
        networks = modulation.instance(0.1 * torch.randn(200, 16, dtype=torch.float64))
        x = torch.rand(200, 64, 2, dtype=torch.float64) * 2 - 1
        for layer, (weight, bias) in enumerate(zip(networks.weights[:-1], networks.biases[:-1], strict=True)):
            angle = config.w0 * (torch.bmm(x, weight.transpose(1, 2)))
            if layer > 0:
                assert float(angle.std()) == pytest.approx(1.0, abs=0.15)
            x = (angle + config.w0 * bias.unsqueeze(1)).sin()


def test_functa_shares_its_weights_without_copies() -> None:
    modulation, latents, coordinates, _ = built(CONFIGS[1])
    assert isinstance(modulation, FunctaSiren)
    networks = modulation.instance(latents)
    assert all(
        weight.data_ptr() == own.data_ptr() and weight.stride(0) == 0
        for weight, own in zip(networks.weights, modulation.weights, strict=True)
    )
    copied = replace(networks, weights=tuple(weight.contiguous() for weight in networks.weights))
    torch.testing.assert_close(networks(coordinates), copied(coordinates))
