"""The mixture against the authors' numbers, and what the paper says of it."""

from dataclasses import replace

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.latents.inner_loop import LatentTable
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from tests.golden_data import case_names, golden_mixture, load_case, tensors


@pytest.mark.parametrize("prefix", ["a_", "b_", "d_"])
def test_golden_cases_are_there(prefix: str) -> None:
    """Without cases the golden tests would be skipped in silence."""
    assert case_names(prefix)


@pytest.mark.parametrize("name", case_names("a_"))
def test_golden_forward(name: str) -> None:
    meta, arrays = load_case(name)
    data, tolerance = tensors(arrays), meta["tolerance"]
    mixture = golden_mixture(data, meta["constants"]["w0"], "no sine" not in meta["constants"]["last_layer"])
    config, constants = mixture.config, meta["constants"]
    assert (config.in_dim, config.out_dim) == (constants["in_channels"], constants["out_channels"])
    assert (config.hidden_layers, config.width) == (constants["L"], constants["W"])
    assert (config.num_bases, config.latent_dim) == (constants["M"], constants["H"])
    coefficients = mixture.coefficients(data["phi"])
    torch.testing.assert_close(coefficients.transpose(1, 2), data["coef"], atol=tolerance["coef_atol"], rtol=0)
    networks = mixture.instance(data["phi"])
    for index, (weight, bias) in enumerate(zip(networks.weights, networks.biases, strict=True)):
        torch.testing.assert_close(weight, data[f"Wbar{index}"], atol=tolerance["mixed_atol"], rtol=0)
        torch.testing.assert_close(bias, data[f"bbar{index}"], atol=tolerance["mixed_atol"], rtol=0)
    torch.testing.assert_close(networks(data["coords"]), data["out"], atol=tolerance["out_atol"], rtol=0)


@pytest.mark.parametrize("policy", ["shared", "layerwise"])
@pytest.mark.parametrize("name", case_names("a_"))
def test_golden_coefficients_without_projection(name: str, policy: str) -> None:
    meta, arrays = load_case(name)
    data = tensors(arrays)
    projected = golden_mixture(data, meta["constants"]["w0"], "no sine" not in meta["constants"]["last_layer"])
    latents = data[f"coef_{policy}"].transpose(1, 2).flatten(1)
    mixture = MixtureSiren(
        replace(projected.config, coefficients=policy, latent_dim=latents.shape[1])  # type: ignore[arg-type]
    )
    bases = {key: value for key, value in projected.state_dict().items() if key.startswith("basis_")}
    mixture.load_state_dict(bases)
    out = mixture.instance(latents)(data["coords"])
    torch.testing.assert_close(out, data[f"out_{policy}"], atol=meta["tolerance"]["out_atol"], rtol=0)


def small(coefficients: str = "latent", latent_dim: int = 4) -> MixtureConfig:
    return MixtureConfig(
        in_dim=2,
        out_dim=3,
        hidden_layers=2,
        width=8,
        num_bases=5,
        latent_dim=latent_dim,
        coefficients=coefficients,  # type: ignore[arg-type]
        w0=7.0,
    )


def test_average_of_models_is_the_mixture_of_outputs_before_the_sine() -> None:
    """Eq. 8, layer by layer, in float64."""
    torch.manual_seed(0)
    mixture = MixtureSiren(small()).double()
    latents, points = torch.randn(3, 4).double(), torch.randn(3, 11, 2).double()
    alphas = mixture.coefficients(latents)
    x = points
    for layer, (weights, biases) in enumerate(zip(mixture.basis_weights, mixture.basis_biases, strict=True)):
        outputs = torch.einsum("moi,spi->spmo", weights, x) + biases
        mixed = torch.einsum("sm,spmo->spo", alphas[:, layer], outputs)
        x = mixed if layer == mixture.config.num_layers - 1 else torch.sin(7.0 * mixed)
    torch.testing.assert_close(mixture.instance(latents)(points), x, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize(("policy", "latent_dim"), [("latent", 4), ("shared", 5), ("layerwise", 20)])
def test_every_policy_starts_at_equal_coefficients(policy: str, latent_dim: int) -> None:
    mixture = MixtureSiren(small(policy, latent_dim))
    alphas = mixture.coefficients(mixture.mean_latent()[None])
    torch.testing.assert_close(alphas, torch.full((1, 4, 5), 0.2))


@pytest.mark.parametrize(("policy", "latent_dim"), [("latent", 4), ("shared", 5), ("layerwise", 20)])
def test_initial_coefficients_scatter_around_equal_ones(policy: str, latent_dim: int) -> None:
    torch.manual_seed(0)
    mixture = MixtureSiren(small(policy, latent_dim))
    table = LatentTable(mixture.mean_latent(), 10_000, std=0.1)
    alphas = mixture.coefficients(table.weight).detach()
    assert alphas.std(0).min() > 0
    # ten standard errors of the widest coefficient
    error = 10 * float(alphas.std(0).max()) / 100
    torch.testing.assert_close(alphas.mean(0), torch.full((4, 5), 0.2), atol=error, rtol=0)


def test_bases_start_as_independent_sirens() -> None:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(in_dim=2, width=32, num_bases=50, w0=20.0))
    for index, (weight, bias) in enumerate(zip(mixture.basis_weights, mixture.basis_biases, strict=True)):
        fan_in = weight.shape[-1]
        bound = 0.5 if index == 0 else (6 / 32) ** 0.5 / 20.0
        assert 0.99 * bound < float(weight.abs().max()) <= bound
        assert 0.95 * fan_in**-0.5 < float(bias.abs().max()) <= fan_in**-0.5
        assert not torch.equal(weight[0], weight[1])


def test_the_seed_decides_the_start() -> None:
    def parameters(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.nn.utils.parameters_to_vector(MixtureSiren(small()).parameters())

    assert torch.equal(parameters(3), parameters(3))
    assert not torch.equal(parameters(3), parameters(4))


def test_the_last_layer_has_a_sine_only_where_asked() -> None:
    torch.manual_seed(0)
    plain = MixtureSiren(small())
    sine = MixtureSiren(replace(plain.config, output_activation="sine"))
    sine.load_state_dict(plain.state_dict())
    latents, points = torch.randn(3, 4), torch.randn(3, 6, 2)
    before = plain.instance(latents)(points)
    torch.testing.assert_close(sine.instance(latents)(points), torch.sin(7.0 * before))


def test_latent_dimensions_that_do_not_fit_the_policy_are_refused() -> None:
    with pytest.raises(ConfigError, match="set it to 5"):
        small("shared", 4)
    with pytest.raises(ConfigError, match="set it to 20"):
        small("layerwise", 4)


@pytest.mark.parametrize(
    ("shape", "millions", "inference"),
    [
        ((3, 4, 4, 64, 256, 128), "4.59", 17156),  # scenes, small: the paper's 4.6 M and 17.2 K
        ((2, 3, 4, 64, 256, 1024), "5.93", 17027),  # images, small: the paper's column says 4.6 M
        ((3, 1, 4, 64, 256, 512), "5.13", 16961),  # voxels, small: the paper's column says 4.6 M
        ((2, 3, 5, 128, 384, 512), "33.4", 83331),
        ((3, 1, 5, 128, 512, 1024), "46.3", 83201),
    ],
)
def test_parameter_counts_of_the_paper(shape: tuple[int, ...], millions: str, inference: int) -> None:
    in_dim, out_dim, hidden_layers, width, num_bases, latent_dim = shape
    config = MixtureConfig(in_dim, out_dim, hidden_layers, width, num_bases, latent_dim)
    assert config.instance_parameters == inference
    assert f"{config.learnable_parameters / 1e6:.3g}" == millions
    with torch.device("meta"):
        mixture = MixtureSiren(config)
    assert sum(parameter.numel() for parameter in mixture.parameters()) == config.learnable_parameters


def test_the_default_is_the_papers_scene_configuration() -> None:
    assert MixtureConfig() == MixtureConfig(3, 4, 4, 64, 256, 128, "latent", 30.0, "none")


def test_counts_are_those_of_the_module() -> None:
    for config in (small(), small("shared", 5), small("layerwise", 20)):
        mixture = MixtureSiren(config)
        assert sum(p.numel() for p in mixture.parameters()) == config.learnable_parameters
        networks = mixture.instance(torch.randn(2, config.latent_dim))
        tensors_of = [*networks.weights, *networks.biases]
        assert sum(t.numel() for t in tensors_of) == 2 * config.instance_parameters


def test_instances_do_not_touch_each_other() -> None:
    torch.manual_seed(0)
    mixture = MixtureSiren(small())
    latents, points = torch.randn(3, 4), torch.randn(3, 6, 2)
    together = mixture.instance(latents)(points)
    for index in range(3):
        alone = mixture.instance(latents[index : index + 1])(points[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone)


@jaxtyped(typechecker=beartype)
def evaluated(
    mixture: MixtureSiren, latents: Float[Tensor, "s h"], points: Float[Tensor, "s p d"]
) -> Float[Tensor, "s p k"]:
    return mixture.instance(latents)(points)


def test_shapes() -> None:
    values = evaluated(MixtureSiren(small()), torch.randn(3, 4), torch.randn(3, 6, 2))
    assert values.shape == (3, 6, 3)


@jaxtyped(typechecker=beartype)
def coefficients_of(mixture: MixtureSiren, latents: Float[Tensor, "s h"]) -> Float[Tensor, "s 4 5"]:
    return mixture.coefficients(latents)


@pytest.mark.parametrize(("policy", "latent_dim"), [("latent", 4), ("shared", 5), ("layerwise", 20)])
def test_coefficient_shapes(policy: str, latent_dim: int) -> None:
    alphas = coefficients_of(MixtureSiren(small(policy, latent_dim)), torch.randn(3, latent_dim))
    assert alphas.shape[0] == 3
