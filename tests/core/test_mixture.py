"""The mixture against the authors' numbers, and what the paper says of it."""

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.mixture import MixtureConfig, MixtureSiren
from tests.golden_data import case_names, golden_mixture, load_case, tensors


@pytest.mark.parametrize("name", case_names("a_"))
def test_golden_forward(name: str) -> None:
    meta, arrays = load_case(name)
    data, tolerance = tensors(arrays), meta["tolerance"]
    mixture = golden_mixture(data, meta["constants"]["w0"], "no sine" not in meta["constants"]["last_layer"])
    coefficients = mixture.coefficients(data["phi"])
    torch.testing.assert_close(coefficients.transpose(1, 2), data["coef"], atol=tolerance["coef_atol"], rtol=0)
    networks = mixture.instance(data["phi"])
    for index, (weight, bias) in enumerate(zip(networks.weights, networks.biases, strict=True)):
        torch.testing.assert_close(weight, data[f"Wbar{index}"], atol=tolerance["mixed_atol"], rtol=0)
        torch.testing.assert_close(bias, data[f"bbar{index}"], atol=tolerance["mixed_atol"], rtol=0)
    torch.testing.assert_close(networks(data["coords"]), data["out"], atol=tolerance["out_atol"], rtol=0)
    layers = mixture.config.num_layers
    for policy in ("shared", "layerwise"):
        given = data[f"coef_{policy}"].transpose(1, 2).expand(-1, layers, -1)
        out = mixture.average(given)(data["coords"])
        torch.testing.assert_close(out, data[f"out_{policy}"], atol=tolerance["out_atol"], rtol=0)


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


def test_latent_dimensions_that_do_not_fit_the_policy_are_refused() -> None:
    with pytest.raises(ConfigError, match="set it to 5"):
        small("shared", 4)
    with pytest.raises(ConfigError, match="set it to 20"):
        small("layerwise", 4)


@pytest.mark.parametrize(
    ("shape", "learnable", "inference"),
    [
        ((3, 4, 4, 64, 256, 128), 4.59e6, 17156),  # scenes, small: the paper's 4.6 M and 17.2 K
        ((2, 3, 4, 64, 256, 1024), 5.93e6, 17027),  # images, small: the paper's column says 4.6 M
        ((3, 1, 4, 64, 256, 512), 5.13e6, 16961),  # voxels, small: the paper's column says 4.6 M
        ((2, 3, 5, 128, 384, 512), 33.4e6, 83331),
        ((3, 1, 5, 128, 512, 1024), 46.3e6, 83201),
    ],
)
def test_parameter_counts_of_the_paper(shape: tuple[int, ...], learnable: float, inference: int) -> None:
    config = MixtureConfig(*shape)
    assert config.instance_parameters == inference
    assert config.learnable_parameters == pytest.approx(learnable, rel=2e-3)


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
