"""Diffusion against the authors' numbers and against diffusers."""

import functools
import weakref

import pytest
import torch
from torch import Tensor

from mnif_core.prior.diffusion import (
    NoiseSchedule,
    Prediction,
    ScheduleName,
    ddpm_step,
    q_sample,
    sample_ddim,
    sample_ddpm,
    sample_dpm_solver_pp_2m,
    spread_timesteps,
    to_x0,
    training_target,
)
from tests.core.prior.test_denoiser import golden_denoiser
from tests.golden_data import case_names, drawn_from, load_case, tensors

CASES = case_names("e_")


@pytest.mark.parametrize("name", CASES)
def test_golden_schedule(name: str) -> None:
    meta, arrays = load_case(name)
    data, rtol = tensors(arrays), meta["tolerance"]["schedule_rtol"]
    schedule = NoiseSchedule.make("squared-cosine", meta["constants"]["T"])
    same = functools.partial(torch.testing.assert_close, rtol=rtol, atol=0)
    same(schedule.betas, data["betas"])
    same(schedule.alphas_cumprod, data["alphas_cumprod"])
    first, second = schedule.posterior_coefficients
    same(first, data["posterior_mean_coef1"])
    same(second, data["posterior_mean_coef2"])
    same(schedule.posterior_variance, data["posterior_variance"])
    clipped = torch.cat([schedule.posterior_variance[1:2], schedule.posterior_variance[1:]]).log()
    same(clipped, data["posterior_log_variance_clipped"])


@pytest.mark.parametrize("name", CASES)
def test_golden_diffusing_and_one_reverse_step(name: str) -> None:
    meta, arrays = load_case(name)
    data, tolerance = tensors(arrays), meta["tolerance"]
    schedule = NoiseSchedule.make("squared-cosine", meta["constants"]["T"])
    index = data["t"].long()
    noisy = q_sample(schedule, data["x0"], index, data["noise"])
    torch.testing.assert_close(noisy, data["q_sample"], atol=tolerance["q_sample_atol"], rtol=0)
    denoiser = golden_denoiser(meta, data)
    with torch.no_grad():
        estimate = denoiser(data["q_sample"], index)
    first, second = schedule.posterior_coefficients
    mean = first[index, None].float() * estimate + second[index, None].float() * data["q_sample"]
    torch.testing.assert_close(mean, data["p_mean"], atol=tolerance["p_mean_atol"], rtol=0)
    posterior = first[index, None].float() * data["x0"] + second[index, None].float() * data["q_sample"]
    torch.testing.assert_close(posterior, data["posterior_mean"], atol=1e-5, rtol=0)
    for key, variance in (("p_sample", "large"), ("p_sample_small", "small")):
        steps = [
            ddpm_step(schedule, int(i), data["q_sample"][n], estimate[n], data["z"][n], variance)  # type: ignore[arg-type]
            for n, i in enumerate(index)
        ]
        torch.testing.assert_close(torch.stack(steps), data[key], atol=tolerance["p_mean_atol"], rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_golden_chains(name: str) -> None:
    meta, arrays = load_case(name)
    data, atol = tensors(arrays), meta["tolerance"]["chain_atol"]
    denoiser = golden_denoiser(meta, data)

    @torch.no_grad()
    def denoise(x: Tensor, timestep: int) -> Tensor:
        return denoiser(x, torch.full((len(x),), timestep))

    whole = NoiseSchedule.make("squared-cosine", meta["constants"]["T"])
    for prefix in ("chain", "ddim"):
        chain = whole.respaced(data[f"{prefix}_timesteps"].long())
        torch.testing.assert_close(chain.betas, data[f"{prefix}_betas"], rtol=1e-9, atol=0)
        states: list[Tensor] = []
        if prefix == "chain":
            noises = drawn_from(data["chain_z"])
            last = sample_ddpm(denoise, data["chain_xT"], chain, noises, after_step=states.append)
        else:
            last = sample_ddim(denoise, data["ddim_xT"], chain, states.append)
        assert last is states[-1]
        torch.testing.assert_close(torch.stack(states), data[f"{prefix}_samples"], atol=atol, rtol=0)


def reference(scheduler: str, schedule: ScheduleName, prediction: Prediction, **options: object) -> object:
    diffusers = pytest.importorskip("diffusers", reason="needs the test dependency diffusers")
    beta = {"linear": "linear", "squared-cosine": "squaredcos_cap_v2"}[schedule]
    kind = {"x0": "sample", "epsilon": "epsilon", "v": "v_prediction"}[prediction]
    return getattr(diffusers, scheduler)(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule=beta,
        prediction_type=kind,
        **options,
    )


COMBINATIONS = [(s, p) for s in ("linear", "squared-cosine") for p in ("x0", "epsilon", "v")]


def network(x: Tensor, timestep: int) -> Tensor:
    """Some smooth output that depends on both."""
    return torch.sin(x * 1.3 + timestep / 300.0) * 0.5


@pytest.mark.parametrize(("schedule", "prediction"), COMBINATIONS)
def test_training_pairs_are_diffusers(schedule: ScheduleName, prediction: Prediction) -> None:
    theirs = reference("DDPMScheduler", schedule, prediction)
    ours = NoiseSchedule.make(schedule)
    # diffusers keeps its tables in float32
    torch.testing.assert_close(ours.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=2e-4, atol=1e-9)  # type: ignore[attr-defined]
    torch.manual_seed(0)
    x0, noise, index = torch.randn(8, 5), torch.randn(8, 5), torch.randint(1000, (8,))
    noisy = q_sample(ours, x0, index, noise)
    torch.testing.assert_close(noisy, theirs.add_noise(x0, noise, index), atol=1e-5, rtol=1e-4)  # type: ignore[attr-defined]
    bars = ours.alphas_cumprod[index, None]
    target = training_target(prediction, x0.double(), noise.double(), bars)
    if prediction == "v":
        velocity = theirs.get_velocity(x0, noise, index)  # type: ignore[attr-defined]
        torch.testing.assert_close(target.float(), velocity, atol=1e-5, rtol=1e-4)
    recovered = to_x0(prediction, target, q_sample(ours, x0.double(), index, noise.double()), bars)
    torch.testing.assert_close(recovered, x0.double(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("variance", ["large", "small"])
@pytest.mark.parametrize(("schedule", "prediction"), COMBINATIONS)
def test_ddpm_is_diffusers(schedule: ScheduleName, prediction: Prediction, variance: str) -> None:
    theirs = reference(
        "DDPMScheduler",
        schedule,
        prediction,
        variance_type=f"fixed_{variance}",
        clip_sample=False,
        timestep_spacing="leading",
    )
    theirs.alphas_cumprod = NoiseSchedule.make(schedule).alphas_cumprod  # type: ignore[attr-defined]
    compare(theirs, schedule, prediction, lambda d, x, c, n, a: sample_ddpm(d, x, c, n, variance, a))  # type: ignore[arg-type]


@pytest.mark.parametrize(("schedule", "prediction"), COMBINATIONS)
def test_ddim_is_diffusers(schedule: ScheduleName, prediction: Prediction) -> None:
    theirs = reference(
        "DDIMScheduler", schedule, prediction, clip_sample=False, set_alpha_to_one=True, timestep_spacing="leading"
    )
    theirs.alphas_cumprod = NoiseSchedule.make(schedule).alphas_cumprod  # type: ignore[attr-defined]
    compare(theirs, schedule, prediction, lambda d, x, c, n, a: sample_ddim(d, x, c, a))


def compare(theirs: object, schedule: ScheduleName, prediction: Prediction, sample: object) -> None:
    """Run both along the same 20 timesteps from the same noise, in float64."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    theirs.set_timesteps(20)  # type: ignore[attr-defined]
    whole = NoiseSchedule.make(schedule)
    chain = whole.respaced(torch.tensor(sorted(theirs.timesteps.tolist())))  # type: ignore[attr-defined]
    noises = torch.randn(20, 4, 6, generator=generator, dtype=torch.float64)

    def denoise(x: Tensor, timestep: int) -> Tensor:
        return to_x0(prediction, network(x, timestep), x, whole.alphas_cumprod[timestep])

    ours = iter(noises)
    states: list[Tensor] = []
    sample(denoise, start, chain, lambda _: next(ours), states.append)  # type: ignore[operator]
    x, expected = start, []
    for number, timestep in enumerate(theirs.timesteps):  # type: ignore[attr-defined]
        x = their_step(theirs, network(x, int(timestep)), timestep, x, noises[number])
        expected.append(x)
    torch.testing.assert_close(torch.stack(states), torch.stack(expected), rtol=1e-6, atol=1e-8)


def their_step(theirs: object, output: Tensor, timestep: Tensor, x: Tensor, noise: Tensor) -> Tensor:
    """One step of a diffusers scheduler with the noise given."""
    import diffusers.schedulers.scheduling_ddpm as module

    draw, module.randn_tensor = module.randn_tensor, lambda *_, **__: noise  # type: ignore[attr-defined]
    try:
        return theirs.step(output, timestep, x).prev_sample  # type: ignore[attr-defined]
    finally:
        module.randn_tensor = draw  # type: ignore[attr-defined]


@pytest.mark.parametrize(("schedule", "prediction"), COMBINATIONS)
def test_dpm_solver_is_diffusers(schedule: ScheduleName, prediction: Prediction) -> None:
    theirs = reference(
        "DPMSolverMultistepScheduler",
        schedule,
        prediction,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        lower_order_final=True,
        final_sigmas_type="zero",
        timestep_spacing="linspace",
    )
    start = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    theirs.set_timesteps(12)  # type: ignore[attr-defined]
    timesteps = theirs.timesteps.tolist()  # type: ignore[attr-defined]
    whole = NoiseSchedule.make(schedule)
    chain = whole.respaced(torch.tensor(sorted(timesteps)))

    def denoise(x: Tensor, timestep: int) -> Tensor:
        return to_x0(prediction, network(x, timestep), x, whole.alphas_cumprod[timestep])

    states: list[Tensor] = []
    sample_dpm_solver_pp_2m(denoise, start, chain, states.append)
    # its sigmas are float32: put the exact ones in
    bars = whole.alphas_cumprod[torch.tensor(timesteps)]
    theirs.sigmas = torch.cat([((1 - bars) / bars).sqrt(), torch.zeros(1, dtype=torch.float64)])  # type: ignore[attr-defined]
    x = start
    for timestep, ours in zip(theirs.timesteps, states, strict=True):  # type: ignore[attr-defined]
        x = theirs.step(network(x, int(timestep)), timestep, x).prev_sample  # type: ignore[attr-defined]
        torch.testing.assert_close(ours, x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm++"])
def test_a_long_chain_holds_a_handful_of_states(sampler: str) -> None:
    chain, made, most = NoiseSchedule.make("linear", 100), [], 0

    def remembered(x: Tensor) -> Tensor:
        made.append(weakref.ref(x))
        return x

    def denoise(x: Tensor, timestep: int) -> Tensor:
        nonlocal most
        remembered(x)
        most = max(most, len({id(state) for state in (ref() for ref in made) if state is not None}))
        return remembered(torch.tanh(x))

    def noise(x: Tensor) -> Tensor:
        return remembered(torch.randn_like(x))

    start = torch.randn(4, 3)
    if sampler == "ddpm":
        sample_ddpm(denoise, start, chain, noise)
    elif sampler == "ddim":
        sample_ddim(denoise, start, chain)
    else:
        sample_dpm_solver_pp_2m(denoise, start, chain)
    assert len(made) >= 200
    assert most <= 4, "start, current state, last estimate and the one before"


def test_timesteps_are_spread_with_both_ends() -> None:
    assert spread_timesteps(1000, 4).tolist() == [0, 333, 666, 999]
    assert spread_timesteps(1000, 1).tolist() == [0] or spread_timesteps(1000, 1).tolist() == [999]
    assert len(set(spread_timesteps(1000, 1000).tolist())) == 1000
