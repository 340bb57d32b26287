"""Gaussian diffusion over vectors: schedules, parameterisations and samplers, as free functions.

Notation (Ho et al. 2020): x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e, with a_t the cumulative product of 1 - beta. The paper
says DDPM with T = 1000; the authors' code takes the squared-cosine schedule and predicts x_0.
Shape letters: n vectors, h dimensions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

ScheduleName = Literal["squared-cosine", "linear"]
Prediction = Literal["x0", "epsilon", "v"]
SamplerName = Literal["dpm++", "ddim", "ddpm"]
Denoise = Callable[[Tensor, int], Tensor]
"""(x_t `[n, h]`, original timestep t) -> estimate of x_0 `[n, h]`."""
Noise = Callable[[Tensor], Tensor]
"""x -> standard normal numbers of its shape."""
AfterStep = Callable[[Tensor], object]
"""Called with x `[n, h]` after every reverse step, the sample last: a trajectory is `states.append`."""


@dataclass(frozen=True)
class NoiseSchedule:
    """Tables of a (possibly shortened) chain, float64.

    Attributes:
        betas: `[steps]`.
        alphas_cumprod: `[steps]`, a_t.
        timesteps: `[steps]` int64, the original timestep of each entry, ascending.
    """

    betas: Tensor
    alphas_cumprod: Tensor
    timesteps: Tensor

    @classmethod
    def make(cls, name: ScheduleName, steps: int = 1000) -> "NoiseSchedule":
        """`linear`: betas from 1e-4 to 0.02 x 1000 / steps; `squared-cosine`: Nichol & Dhariwal, capped at 0.999.

        Its tables lie on the CPU, whatever the default device.
        """
        if name == "linear":
            scale = 1000.0 / steps
            betas = torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64, device="cpu")
        else:
            bars = [math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(steps + 1)]
            betas = torch.tensor(
                [min(1 - b / a, 0.999) for a, b in zip(bars, bars[1:], strict=False)], dtype=torch.float64, device="cpu"
            )
        return cls(betas, torch.cumprod(1.0 - betas, 0), torch.arange(steps, device="cpu"))

    def respaced(self, timesteps: Tensor) -> "NoiseSchedule":
        """The chain that visits only `timesteps` (ascending), with betas that give the same a_t there."""
        bars = self.alphas_cumprod[timesteps]
        previous = torch.cat([bars.new_ones(1), bars[:-1]])
        return NoiseSchedule(1.0 - bars / previous, bars, self.timesteps[timesteps])

    @property
    def alphas_cumprod_prev(self) -> Tensor:
        """a_{t-1} `[steps]`, 1 before the first."""
        return torch.cat([self.alphas_cumprod.new_ones(1), self.alphas_cumprod[:-1]])

    @property
    def posterior_coefficients(self) -> tuple[Tensor, Tensor]:
        """Weights of x_0 and of x_t in the mean of q(x_{t-1} | x_t, x_0), each `[steps]`."""
        bars, previous = self.alphas_cumprod, self.alphas_cumprod_prev
        return (
            self.betas * previous.sqrt() / (1.0 - bars),
            (1.0 - previous) * (1.0 - self.betas).sqrt() / (1.0 - bars),
        )

    @property
    def posterior_variance(self) -> Tensor:
        """Variance of q(x_{t-1} | x_t, x_0) `[steps]`, 0 at the first."""
        return self.betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)


def spread_timesteps(total: int, count: int) -> Tensor:
    """`count` of `total` timesteps, evenly with both ends included.

    >>> spread_timesteps(1000, 4).tolist()
    [0, 333, 666, 999]
    """
    return torch.linspace(0, total - 1, count, dtype=torch.float64).round().long()


def q_sample(schedule: NoiseSchedule, x0: Tensor, index: Tensor, noise: Tensor) -> Tensor:
    """Diffuse x_0 `[n, h]` to the schedule's entries `index` `[n]`."""
    bars = schedule.alphas_cumprod.to(index.device)[index].unsqueeze(1)
    return bars.sqrt().to(x0.dtype) * x0 + (1.0 - bars).sqrt().to(x0.dtype) * noise


def training_target(prediction: Prediction, x0: Tensor, noise: Tensor, bars: Tensor) -> Tensor:
    """What the network should say: x_0, the noise, or v = sqrt(a) e - sqrt(1 - a) x_0. `bars` is a_t `[n, 1]`."""
    if prediction == "x0":
        return x0
    if prediction == "epsilon":
        return noise
    return bars.sqrt() * noise - (1.0 - bars).sqrt() * x0


def to_x0(prediction: Prediction, output: Tensor, x_t: Tensor, bars: Tensor) -> Tensor:
    """The x_0 that a network output stands for. `bars` is a_t, broadcastable to x_t."""
    if prediction == "x0":
        return output
    if prediction == "epsilon":
        return (x_t - (1.0 - bars).sqrt() * output) / bars.sqrt()
    return bars.sqrt() * x_t - (1.0 - bars).sqrt() * output


def ddpm_step(
    schedule: NoiseSchedule, index: int, x_t: Tensor, x0: Tensor, noise: Tensor, variance: Literal["large", "small"]
) -> Tensor:
    """One ancestral step (Ho et al. 2020, Eq. 7).

    Args:
        schedule: the chain.
        index: entry of the chain that x_t stands at.
        x_t: `[n, h]`.
        x0: its estimate.
        noise: standard normal `[n, h]`; unused at the last step.
        variance: `large` takes beta_t, as the authors' code; `small` the posterior variance.
    """
    first, second = (float(c[index]) for c in schedule.posterior_coefficients)
    mean = first * x0 + second * x_t
    if index == 0:
        return mean
    value = schedule.betas[index] if variance == "large" else schedule.posterior_variance[index]
    return mean + math.sqrt(float(value)) * noise


def sample_ddpm(
    denoise: Denoise,
    x: Tensor,
    schedule: NoiseSchedule,
    noise: Noise,
    variance: Literal["large", "small"] = "large",
    after_step: AfterStep | None = None,
) -> Tensor:
    """Ancestral sampling along the whole chain, from x_T to the sample, both `[n, h]`.

    Args:
        denoise: estimate of x_0.
        x: x_T `[n, h]`.
        schedule: the chain.
        noise: drawn once per step.
        variance: see `ddpm_step`.
        after_step: sees x after every step. None: no state but the last is kept.
    """
    for index in reversed(range(len(schedule.betas))):
        estimate = denoise(x, int(schedule.timesteps[index]))
        x = ddpm_step(schedule, index, x, estimate, noise(x), variance)
        if after_step is not None:
            after_step(x)
    return x


def sample_ddim(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, after_step: AfterStep | None = None) -> Tensor:
    """Deterministic DDIM (Song et al. 2021, Eq. 12, eta = 0) from x_T to the sample; arguments as of `sample_ddpm`."""
    previous = schedule.alphas_cumprod_prev
    for index in reversed(range(len(schedule.betas))):
        estimate = denoise(x, int(schedule.timesteps[index]))
        bar, before = float(schedule.alphas_cumprod[index]), float(previous[index])
        epsilon = (x - math.sqrt(bar) * estimate) / math.sqrt(1.0 - bar)
        x = math.sqrt(before) * estimate + math.sqrt(1.0 - before) * epsilon
        if after_step is not None:
            after_step(x)
    return x


def sample_dpm_solver_pp_2m(
    denoise: Denoise, x: Tensor, schedule: NoiseSchedule, after_step: AfterStep | None = None
) -> Tensor:
    """DPM-Solver++ 2M (Lu et al. 2022, Alg. 2), first order at both ends; arguments as of `sample_ddpm`."""
    older: tuple[Tensor, float] | None = None
    for index in reversed(range(len(schedule.betas))):
        estimate = denoise(x, int(schedule.timesteps[index]))
        if index == 0:
            x = estimate
        else:
            bar, target = float(schedule.alphas_cumprod[index]), float(schedule.alphas_cumprod[index - 1])
            now, goal = (0.5 * math.log(a / (1.0 - a)) for a in (bar, target))
            step = goal - now
            corrected = estimate
            if older is not None:
                past, before = older
                corrected = estimate + 0.5 * step / (now - before) * (estimate - past)
            x = math.sqrt((1.0 - target) / (1.0 - bar)) * x - math.sqrt(target) * math.expm1(-step) * corrected
            older = (estimate, now)
        if after_step is not None:
            after_step(x)
    return x
