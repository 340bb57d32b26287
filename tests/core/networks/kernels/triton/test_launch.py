"""Fused Triton kernels against the same networks layer by layer in double precision."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_gradient import squared_error
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.cpu.backend import TILED
from mnif_core.networks.kernels.dispatch import Implementation, chosen
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.kernels.triton.launch import FUSED
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.siren import Siren
from tests.core.networks.kernels.random_networks import fused_values, random_networks, reference_values

pytest.importorskip("triton", reason="Triton is not installed")

# instances, points, coordinates, width, hidden layers, values, output activation
SHAPES = [
    (2, 70, 2, 32, 1, 1, "sine"),
    (1, 200, 3, 64, 2, 4, "none"),
    (3, 5, 2, 64, 3, 3, "sine"),
    (1, 130, 3, 64, 4, 4, "none"),
    (2, 65, 2, 128, 5, 3, "sine"),
    (1, 33, 3, 128, 6, 1, "none"),
    (2, 64, 1, 32, 6, 4, "none"),
]
W0 = 30.0


def coordinates_of(shape: tuple[Any, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(shape[1])
    return torch.rand(*shape[:3], generator=generator) * 2 - 1


def values_and_gradients(
    evaluate: Any, x: Tensor, weights: list[Tensor], biases: list[Tensor], output: str, **options: Any
) -> list[Tensor]:
    """Values, and the gradients of a weighted sum of them by coordinates, weights and biases."""
    x, *parameters = (t.detach().clone().requires_grad_() for t in (x, *weights, *biases))
    values = evaluate(x, parameters[: len(weights)], parameters[len(weights) :], W0, output, **options)
    importance = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad(values, [x, *parameters], importance.to(values))
    return [values.detach(), *gradients]


def relative_errors(ours: list[Tensor], exact: list[Tensor]) -> list[float]:
    return [float((a.double().cpu() - b).norm() / b.norm()) for a, b in zip(ours, exact, strict=True)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("precision", "values_within", "gradients_within"), [("tf32x3", 3e-6, 1e-4), ("tf32", 2e-3, 6e-3)]
)
def test_values_and_gradients_are_those_of_the_layers(
    shape: tuple[Any, ...], precision: str, values_within: float, gradients_within: float, device: torch.device
) -> None:
    instances, _, dims, width, hidden, outputs, output = shape
    weights, biases = random_networks(instances, dims, width, hidden, outputs)
    x = coordinates_of(shape)
    exact = values_and_gradients(reference_values, *_cast(torch.float64, x, weights, biases), output)
    single = values_and_gradients(reference_values, x, weights, biases, output)
    ours = values_and_gradients(fused_values, *_cast(device, x, weights, biases), output, precision=precision)
    errors, rounding = relative_errors(ours, exact), relative_errors(single, exact)
    assert [t.shape for t in ours] == [t.shape for t in exact]
    assert errors[0] < values_within
    assert max(errors[1:]) < gradients_within
    if precision == "tf32x3":  # no worse than plain float32, whose own rounding an angle of many turns magnifies
        assert all(e < 3 * r + 1e-6 for e, r in zip(errors, rounding, strict=True)), (errors, rounding)


def _cast(to: Any, x: Tensor, weights: list[Tensor], biases: list[Tensor]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    return x.to(to), [w.to(to) for w in weights], [b.to(to) for b in biases]


def test_sine_of_many_turns_stays_within_its_stated_error(device: torch.device) -> None:
    # one unit reads x as it is, and its sine is the value
    weights = [torch.zeros(1, 32, 1), torch.zeros(1, 1, 32)]
    weights[0][0, 0, 0] = weights[1][0, 0, 0] = 1.0
    biases = [torch.zeros(1, 32), torch.zeros(1, 1)]
    x = torch.linspace(-20.0, 20.0, 1000).view(1, -1, 1)
    x, weights, biases = _cast(device, x, weights, biases)
    values = fused_values(x, weights, biases, W0, "none", precision="tf32x3").double().cpu()
    angle = W0 * x.double().cpu()
    assert angle.max() == 600.0
    assert ((values - angle.sin()).abs() <= 5e-7 + 1.2e-7 * angle.abs()).all()


def test_a_point_does_not_depend_on_the_others(device: torch.device) -> None:
    weights, biases = random_networks(2, 3, 32, 2, 4)
    x, weights, biases = _cast(device, torch.rand(2, 150, 3), weights, biases)
    values = fused_values(x, weights, biases, W0, "none")
    others = torch.rand_like(x)
    others[:, 10:33] = x[:, 10:33]
    assert torch.equal(fused_values(others, weights, biases, W0, "none")[:, 10:33], values[:, 10:33])
    # the interpreter multiplies by numpy, which on some processors rounds a row by its place in the tile
    rounding: dict[str, Any] = {"rtol": 0.0, "atol": 0.0 if device.type == "cuda" else 1e-7}
    part = fused_values(x[:, 10:33], weights, biases, W0, "none")
    torch.testing.assert_close(part, values[:, 10:33], **rounding)
    second = fused_values(x[1:], [w[1:] for w in weights], [b[1:] for b in biases], W0, "none")
    torch.testing.assert_close(second, values[1:], **rounding)


def test_no_points_and_no_instances(device: torch.device) -> None:
    weights, biases = random_networks(2, 3, 32, 1, 4)
    x, weights, biases = _cast(device, torch.zeros(2, 0, 3), weights, biases)
    values, *gradients = values_and_gradients(fused_values, x, weights, biases, "none")
    assert values.shape == (2, 0, 4)
    assert not any(gradient.any() for gradient in gradients)
    none = [w[:0] for w in weights], [b[:0] for b in biases]
    assert fused_values(torch.zeros(0, 5, 3, device=device), *none, W0, "none").shape == (0, 5, 4)


def test_gradients_repeat_bit_for_bit(device: torch.device) -> None:
    weights, biases = random_networks(1, 2, 32, 1, 3)
    case = *_cast(device, torch.rand(1, 1000, 2), weights, biases), "sine"
    first, again = (values_and_gradients(fused_values, *case) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_shared_weights_collect_the_gradients_of_all_instances(device: torch.device) -> None:
    weights, biases = random_networks(1, 2, 32, 1, 3)
    x = torch.rand(3, 40, 2)

    def summed(evaluate: Any, *case: Any, **options: Any) -> list[Tensor]:
        x, weights, biases = case
        leaves = [t.clone().requires_grad_() for t in (*weights, *biases)]
        expanded = [t.expand(3, *t.shape[1:]) for t in leaves]
        values = evaluate(x, expanded[: len(weights)], expanded[len(weights) :], W0, "sine", **options)
        return [values.detach(), *torch.autograd.grad(values.square().sum(), leaves)]

    ours = summed(fused_values, *_cast(device, x, weights, biases), precision="tf32x3")
    exact = summed(reference_values, *_cast(torch.float64, x, weights, biases))
    assert max(relative_errors(ours, exact)) < 1e-4


def test_second_derivatives_are_those_of_the_layers(device: torch.device) -> None:
    weights, biases = random_networks(2, 2, 32, 1, 3, w0=5.0)
    x = torch.rand(2, 20, 2)

    def second(evaluate: Any, *case: Any, **options: Any) -> list[Tensor]:
        x, weights, biases = case
        leaves = [t.clone().requires_grad_() for t in (x, *weights, *biases)]
        values = evaluate(leaves[0], leaves[1:4], leaves[4:], 5.0, "sine", **options)
        gradients = torch.autograd.grad(values.square().sum(), leaves, create_graph=True)
        penalty = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
        return list(torch.autograd.grad(penalty, leaves))

    ours = second(fused_values, *_cast(device, x, weights, biases), precision="tf32x3")
    exact = second(reference_values, *_cast(torch.float64, x, weights, biases))
    assert max(relative_errors(ours, exact)) < 1e-4


def test_bases_and_latents_learn_through_the_kernels(device: torch.device) -> None:
    torch.manual_seed(0)
    config = MixtureConfig(in_dim=2, out_dim=3, hidden_layers=1, width=32, num_bases=4, latent_dim=5)
    mixture, latents = MixtureSiren(config).to(device), torch.randn(2, 5, device=device, requires_grad=True)
    x = torch.rand(2, 30, 2, device=device)

    def gradients(implementation: Implementation) -> list[Tensor]:
        mixture.implementation = implementation
        loss = mixture.instance(latents)(x).square().mean()
        return list(torch.autograd.grad(loss, [latents, *mixture.parameters()]))

    ours, plain = gradients("triton"), [g.double().cpu() for g in gradients("torch")]
    assert max(relative_errors(ours, plain)) < 5e-3


def test_outer_step_of_meta_learning_goes_through_the_kernels(device: torch.device) -> None:
    torch.manual_seed(0)
    config = MixtureConfig(2, 3, 1, 32, num_bases=4, latent_dim=5, output_activation="sine")
    mixture = MixtureSiren(config).to(device)
    fitter = LatentFitter(FittingConfig(inner_steps=2, inner_rate=0.1), 5).to(device)
    x, y = torch.rand(2, 30, 2, device=device), torch.rand(2, 30, 3, device=device)

    def gradients(implementation: Implementation) -> list[Tensor]:
        mixture.implementation = implementation
        latents = fitter.fit(mixture, x, y)
        loss = squared_error(mixture.instance(latents)(x), y).sum()
        return list(torch.autograd.grad(loss, [*mixture.parameters(), *fitter.parameters()]))

    ours, plain = gradients("triton"), [g.double().cpu() for g in gradients("torch")]
    assert max(relative_errors(ours, plain)) < 5e-3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 48}, "width 48"),
        ({"outputs": 17}, "17 values"),
        ({"dtype": torch.float64}, "float64, not float32"),
        ({"interpret": "0"}, "device 'cpu'"),
    ],
    ids=["width", "values", "dtype", "device"],
)
def test_what_the_kernels_cannot_do_is_one_clear_line(
    change: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not torch.cuda.is_available():
        monkeypatch.setenv("TRITON_INTERPRET", change.get("interpret", "1"))
    device = "cuda" if torch.cuda.is_available() and "interpret" not in change else "cpu"
    weights, biases = random_networks(1, 2, change.get("width", 32), 1, change.get("outputs", 3))
    weights, biases = ([t.to(device, change.get("dtype", torch.float32)) for t in part] for part in (weights, biases))
    networks = InstanceNetworks(tuple(weights), tuple(biases), W0, "none", "triton")
    with pytest.raises(ConfigError, match=f"'triton' is not to be had: .*{reason}.*; choose auto or torch") as error:
        networks(torch.zeros(1, 4, 2).to(weights[0]))
    assert "\n" not in str(error.value)


def test_left_to_itself_a_cpu_takes_blocks_and_a_gpu_the_kernels(device: torch.device) -> None:
    weights, biases = random_networks(1, 2, 32, 1, 3)
    x, weights, biases = _cast(device, torch.zeros(1, 4, 2), weights, biases)
    siren = Siren(tuple(weights), tuple(biases), W0, "none")
    assert chosen("auto", siren, x) is (FUSED if device.type == "cuda" else TILED)
    assert chosen("torch", siren, x) is (REFERENCE if device.type == "cuda" else TILED)
    assert chosen("triton", siren, x) is FUSED


def test_chunks_of_an_image_are_the_image(device: torch.device) -> None:
    weights, biases = random_networks(2, 2, 32, 1, 3)
    grid, weights, biases = _cast(device, torch.rand(100, 2) * math.pi, weights, biases)
    networks = InstanceNetworks(tuple(weights), tuple(biases), W0, "sine", "triton")
    assert torch.equal(networks.evaluate(grid, 32), networks(grid.expand(2, -1, -1)))
