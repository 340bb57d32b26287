"""Meta-learning against the authors' outer step, and its closed-form gradient against autograd."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_gradient import squared_error, squared_error_gradient_by_latents
from mnif_core.latents.inner_loop import FittingConfig, InnerRates, fit_latents
from mnif_core.networks.mixture import CoefficientPolicy, MixtureConfig, MixtureSiren
from tests.golden_data import case_names, golden_mixture, layer_major, load_case, tensors

CASES = [(name, variant) for name in case_names("c_") for variant in load_case(name)[0]["constants"]["variants"]]


def test_golden_cases_are_there() -> None:
    assert CASES


@pytest.mark.parametrize("closed_form", [False, True], ids=["autograd", "closed form"])
@pytest.mark.parametrize(("name", "variant"), CASES)
def test_golden_outer_step(name: str, variant: str, closed_form: bool) -> None:
    meta, arrays = load_case(name)
    data, constants, tolerance = tensors(arrays), meta["constants"], meta["tolerance"][variant]
    settings = constants["variants"][variant]
    mixture = golden_mixture(data, constants["w0"], sine_output=True)
    coordinates, targets = data["coords"], data["target"]
    batch = len(targets)
    rates = torch.nn.Parameter(data["meta_sgd_lrs"].clone())
    first_order = bool(settings.get("first_order") or settings.get("no_second_order"))
    init = torch.zeros_like(data["phi0"]) if settings.get("phi0") == "zeros" else data["phi0"]

    def loss(latents: Tensor) -> Tensor:
        return squared_error(mixture.instance(latents)(coordinates), targets)

    def gradient(latents: Tensor) -> Tensor:
        return squared_error_gradient_by_latents(mixture, latents, coordinates, targets)

    def fit(steps: int) -> Tensor:
        # the authors' inner loss is the mean over the batch, ours each instance's own: hence the 1 / batch
        rate = settings["lr_inner"] * rates.clamp(0, 1) / batch
        decay = batch * settings.get("weight_decay_inner", 0.0)
        return fit_latents(loss, init, steps, rate, not first_order, decay, gradient if closed_form else None)

    for steps in range(constants["num_inner"] + 1):
        torch.testing.assert_close(
            fit(steps).detach(), data[f"{variant}_contexts"][steps], atol=tolerance["contexts_atol"], rtol=0
        )
        if steps < constants["num_inner"]:
            latents = fit(steps).detach()
            inner = loss(latents).mean() + 0.5 * settings.get("weight_decay_inner", 0.0) * latents.square().sum()
            torch.testing.assert_close(
                inner, data[f"{variant}_inner_losses"][steps], atol=tolerance["loss_atol"], rtol=0
            )
    latents = fit(constants["num_inner"])
    out = mixture.instance(latents)(coordinates)
    torch.testing.assert_close(out, data[f"{variant}_out"], atol=tolerance["out_atol"], rtol=0)
    outer = squared_error(out, targets).mean()
    torch.testing.assert_close(outer, data[f"{variant}_outer_loss"], atol=tolerance["loss_atol"], rtol=0)
    if settings.get("parameters") == "unchanged":
        return

    outer.backward()
    moved: dict[str, torch.Tensor] = {"meta_sgd_lrs": rates}
    moved |= {"T": mixture.projection.weight, "T_bias": mixture.projection.bias}
    for layer in range(mixture.config.num_layers):
        moved |= {f"W{layer}": mixture.basis_weights[layer], f"b{layer}": mixture.basis_biases[layer]}
    if variant == "clip":
        torch.nn.utils.clip_grad_norm_(moved.values(), 1.0)
    relative = float(tolerance["grad"].split("tol = ")[-1])

    def theirs(kind: str, key: str) -> Tensor:
        value = data[f"{variant}_{kind}_{key}"]
        return layer_major(value, mixture.config.num_bases) if key in ("T", "T_bias") else value

    for key, parameter in moved.items():
        expected = theirs("grad", key)
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, expected, atol=relative * float(expected.abs().max()), rtol=0)
    torch.optim.AdamW(moved.values(), lr=constants["lr_outer"], weight_decay=0.0).step()
    for key, parameter in moved.items():
        if f"{variant}_after_{key}" not in data:
            continue
        assert parameter.grad is not None
        clear = theirs("grad", key).abs() > 1e-6  # the case says: compare only there
        assert clear.any()
        torch.testing.assert_close(
            parameter[clear], theirs("after", key)[clear], atol=tolerance["contexts_atol"], rtol=0
        )


def small(
    policy: CoefficientPolicy = "latent", output: str = "sine", layers: int = 2, dtype: torch.dtype = torch.float64
) -> tuple[MixtureSiren, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    latent = {"latent": 5, "layerwise": 4 * (layers + 2), "shared": 4}[policy]
    config: Any = {"output_activation": output, "coefficients": policy, "w0": 12.0}
    mixture = MixtureSiren(MixtureConfig(2, 3, layers, 7, 4, latent, **config)).to(dtype)
    latents = mixture.mean_latent().to(dtype) + 0.3 * torch.randn(3, latent, dtype=dtype)
    return mixture, latents, torch.rand(3, 11, 2, dtype=dtype) * 2 - 1, torch.rand(3, 11, 3, dtype=dtype) * 2 - 1


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("output", ["sine", "none"])
@pytest.mark.parametrize("policy", ["latent", "layerwise", "shared"])
def test_closed_form_equals_autograd_twice(policy: CoefficientPolicy, output: str, layers: int) -> None:
    mixture, latents, coordinates, targets = small(policy, output, layers)
    latents.requires_grad_()
    loss = squared_error(mixture.instance(latents)(coordinates), targets).sum()
    (expected,) = torch.autograd.grad(loss, latents, create_graph=True)
    ours = squared_error_gradient_by_latents(mixture, latents, coordinates, targets)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-10)
    direction = torch.randn_like(expected)
    variables = [latents, *mixture.parameters()]
    second = torch.autograd.grad((expected * direction).sum(), variables, allow_unused=True)
    ours_second = torch.autograd.grad((ours * direction).sum(), variables, allow_unused=True)
    for one, other in zip(ours_second, second, strict=True):
        torch.testing.assert_close(
            torch.zeros(()) if one is None else one, torch.zeros(()) if other is None else other, atol=1e-10, rtol=1e-8
        )


def test_outer_gradient_against_finite_differences() -> None:
    mixture, latents, coordinates, targets = small()
    rates = InnerRates(5, 0.02).double()
    parameters = [mixture.basis_weights[1], mixture.projection.weight, rates.log_rates]

    def outer(*_: Tensor) -> Tensor:
        def gradient(phi: Tensor) -> Tensor:
            return squared_error_gradient_by_latents(mixture, phi, coordinates, targets)

        def loss(phi: Tensor) -> Tensor:
            return squared_error(mixture.instance(phi)(coordinates), targets)

        return loss(fit_latents(loss, latents, 2, rates(), True, gradient=gradient)).mean()

    assert torch.autograd.gradcheck(outer, parameters)


@pytest.mark.parametrize("closed_form", [False, True])
def test_a_latent_does_not_depend_on_its_batch(closed_form: bool) -> None:
    mixture, latents, coordinates, targets = small()

    def fit(rows: slice) -> Tensor:
        def loss(phi: Tensor) -> Tensor:
            return squared_error(mixture.instance(phi)(coordinates[rows]), targets[rows])

        def gradient(phi: Tensor) -> Tensor:
            return squared_error_gradient_by_latents(mixture, phi, coordinates[rows], targets[rows])

        return fit_latents(loss, latents[rows], 3, 0.01, gradient=gradient if closed_form else None)

    together = fit(slice(0, 3))
    alone = torch.cat([fit(slice(i, i + 1)) for i in range(3)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("strategy", ["meta-learning", "first-order", "auto-decoding"])
def test_unseen_instances_are_met_better_with_more_steps(strategy: Any) -> None:
    mixture, _, coordinates, targets = small(dtype=torch.float32)

    def error(steps: int) -> float:
        fitter = LatentFitter(FittingConfig(strategy, inner_steps=steps, inner_rate=0.02), 5)
        with torch.no_grad():
            latents = fitter.fit(mixture, coordinates, targets)
            return float(squared_error(mixture.instance(latents)(coordinates), targets).mean())

    assert error(30) < error(3) < error(1)


def test_first_order_leaves_bases_out_of_the_inner_steps() -> None:
    mixture, _, coordinates, targets = small(dtype=torch.float32)
    noise = torch.randn(3, 5)

    def gradient_of_bases(strategy: Any) -> Tensor:
        fitter = LatentFitter(FittingConfig(strategy, inner_rate=0.05), 5)
        latents = fitter.fit(mixture, coordinates, targets, noise)
        squared_error(mixture.instance(latents)(coordinates), targets).mean().backward()
        gradient = mixture.basis_weights[1].grad
        assert gradient is not None and fitter.rates.log_rates.grad is not None
        assert fitter.rates.log_rates.grad.abs().min() > 0
        mixture.zero_grad()
        return gradient

    fitter = LatentFitter(FittingConfig("first-order", inner_rate=0.05), 5)
    latents = fitter.fit(mixture, coordinates, targets, noise).detach()
    squared_error(mixture.instance(latents)(coordinates), targets).mean().backward()
    expected = mixture.basis_weights[1].grad
    mixture.zero_grad()
    torch.testing.assert_close(gradient_of_bases("first-order"), expected)
    assert not torch.allclose(gradient_of_bases("meta-learning"), torch.as_tensor(expected), rtol=1e-3)


def test_clipped_steps_are_bounded_and_short_ones_untouched() -> None:
    mixture, latents, coordinates, targets = small()

    def loss(phi: Tensor) -> Tensor:
        return squared_error(mixture.instance(phi)(coordinates), targets)

    norms = squared_error_gradient_by_latents(mixture, latents, coordinates, targets).norm(dim=1)
    bound = float(norms.sort().values[:2].mean())
    free = latents - fit_latents(loss, latents, 1, 1.0)
    held = latents - fit_latents(loss, latents, 1, 1.0, clip=bound)
    torch.testing.assert_close(held.norm(dim=1), norms.clamp(max=bound))
    torch.testing.assert_close(held / held.norm(dim=1, keepdim=True), free / free.norm(dim=1, keepdim=True))
    assert torch.equal(held[norms < bound], free[norms < bound])


def test_no_inner_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        LatentFitter(FittingConfig(inner_steps=0), 5)
