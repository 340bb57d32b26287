"""The prior over latents p(phi): standardisation, denoiser, diffusion and EMA weights in one module (paper 4.2).

Shape letters: n latents, h latent dimension.
"""

import copy
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.files.stored_config import Between, Depth, Width
from mnif_core.prior.denoiser import DenoiserConfig, ResidualMLP
from mnif_core.prior.diffusion import (
    NoiseSchedule,
    Prediction,
    SamplerName,
    ScheduleName,
    q_sample,
    sample_ddim,
    sample_ddpm,
    sample_dpm_solver_pp_2m,
    spread_timesteps,
    to_x0,
    training_target,
)
from mnif_core.prior.protocol import Guide, Prior, PriorKind

DEAD = 1e-8  # a latent dimension with a smaller spread has never moved: dividing by it would give NaN


@dataclass(frozen=True)
class PriorConfig:
    """Shape of the prior. Paper A.3: width 4096, 4 blocks, T = 1000; where it is silent, the authors' code."""

    kind: ClassVar[PriorKind] = "diffusion"

    latent_dim: Width
    """Latent dimensions H."""
    width: Width = 4096
    """Channels of the residual MLP."""
    blocks: Depth = 4
    """Residual blocks."""
    schedule: ScheduleName = "squared-cosine"
    """Noise schedule."""
    prediction: Prediction = "x0"
    """What the denoiser predicts."""
    steps: Annotated[int, Between(1, 100_000)] = 1000
    """Diffusion steps T."""
    ema_decay: Annotated[float, Between(0.0, 1.0)] = 0.9999
    """Decay of the EMA (exponential moving average) of the denoiser's weights."""

    def build(self) -> "LatentPrior":
        """See `PriorSettings.build`."""
        return LatentPrior(self)


class LatentPrior(Prior):
    """Diffusion over standardised latents. Training moves `denoiser`; sampling uses its EMA, `averaged`.

    >>> latents = torch.randn(100, 6)
    >>> prior = LatentPrior(PriorConfig(latent_dim=6, width=32, blocks=2))
    >>> prior.fit_statistics(latents)
    >>> prior.loss(latents).backward()
    >>> prior.update_ema()
    >>> prior.sample(3, sampler="ddim", steps=10).shape
    torch.Size([3, 6])
    """

    mean: Tensor
    std: Tensor
    updates: Tensor

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.schedule = NoiseSchedule.make(config.schedule, config.steps)
        self.denoiser = ResidualMLP(DenoiserConfig(config.latent_dim, config.width, config.blocks))
        # files and checkpoints call the EMA `averaged`
        self.averaged = copy.deepcopy(self.denoiser).requires_grad_(False)
        self.register_buffer("mean", torch.full((config.latent_dim,), float("nan")))
        self.register_buffer("std", torch.full((config.latent_dim,), float("nan")))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @property
    def settings(self) -> PriorConfig:
        """See `Prior.settings`."""
        return self.config

    @property
    def title(self) -> str:
        """See `Prior.title`."""
        return "diffusion"

    @property
    def reverse_steps(self) -> int:
        """See `Prior.reverse_steps`."""
        return self.config.steps

    @property
    def is_fitted(self) -> bool:
        """Whether `fit_statistics` has run."""
        return not bool(self.mean.isnan().any())

    @property
    def is_trained(self) -> bool:
        """Whether the EMA weights have been updated at all."""
        return int(self.updates) > 0

    def fit_statistics(self, latents: Tensor) -> None:
        """Take mean and unbiased standard deviation per dimension from training latents `[n, h]`.

        A dimension that does not vary is left out: it stays at its mean in every sample.
        """
        self.mean.copy_(latents.mean(0))
        std = latents.std(0)
        self.std.copy_(torch.where(std > DEAD, std, torch.zeros_like(std)))

    def standardise(self, latents: Tensor) -> Tensor:
        """(phi - mean) / std `[n, h]`, 0 in dimensions that do not vary."""
        self._require_fitted()
        alive = self.std > 0
        return torch.where(alive, (latents - self.mean) / torch.where(alive, self.std, 1.0), 0.0)

    def draw(self, count: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Uniform timesteps `[count]` and noise `[count, h]` for one step of training, on the prior's device.

        A generator of the CPU draws the same on every device.
        """
        device = self.mean.device
        where = generator.device if generator is not None else device
        timesteps = torch.randint(self.config.steps, (count,), generator=generator, device=where)
        noise = torch.randn(count, self.config.latent_dim, generator=generator, device=where)
        return timesteps.to(device), noise.to(device)

    def forward(self, latents: Tensor, timesteps: Tensor, noise: Tensor) -> Tensor:
        """Mean squared error of the prediction, for latents `[n, h]` at `timesteps` `[n]` under `noise` `[n, h]`."""
        return self._loss(self.denoiser, latents, timesteps, noise)

    def loss(self, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`forward` at timesteps and noise drawn anew."""
        return self(latents, *self.draw(len(latents), generator))

    @torch.no_grad()
    def held_out_loss(self, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`loss` of the EMA weights, for latents that training does not see."""
        return self._loss(self.averaged, latents, *self.draw(len(latents), generator))

    def _loss(self, denoiser: ResidualMLP, latents: Tensor, timesteps: Tensor, noise: Tensor) -> Tensor:
        x0 = self.standardise(latents)
        noise = noise.to(x0.dtype)
        bars = self.schedule.alphas_cumprod.to(x0.device)[timesteps].unsqueeze(1).to(x0.dtype)
        target = training_target(self.config.prediction, x0, noise, bars)
        return (denoiser(q_sample(self.schedule, x0, timesteps, noise), timesteps) - target).square().mean()

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the EMA weights; the decay warms up as min(decay, (1 + n) / (10 + n))."""
        self.updates += 1
        count = int(self.updates)
        decay = min(self.config.ema_decay, (1 + count) / (10 + count))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.denoiser.parameters()), 1.0 - decay)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        sampler: SamplerName = "dpm++",
        steps: int = 25,
        guide: Guide | None = None,
    ) -> Tensor:
        """Draw `[count, h]` latents with the EMA weights.

        Args:
            count: how many.
            generator: of random numbers, on the prior's device.
            sampler: `dpm++` (DPM-Solver++ 2M), `ddim` (deterministic) or `ddpm` (ancestral).
            steps: reverse steps, at most T.
            guide: see `Prior.sample`; it moves the estimate of x_0 in every reverse step.

        Raises:
            ConfigError: no statistics yet, or steps out of range.
        """
        self._require_fitted()
        if not 1 <= steps <= self.config.steps:
            raise ConfigError(f"cannot sample in {steps} steps; choose 1 to {self.config.steps}")
        shape, device = (count, self.config.latent_dim), self.mean.device

        def normal(_: Tensor | None = None) -> Tensor:
            return torch.randn(shape, generator=generator, device=device)

        def denoise(x: Tensor, timestep: int) -> Tensor:
            output = self.averaged(x, torch.full((count,), timestep, device=device))
            bar = self.schedule.alphas_cumprod[timestep]
            estimate = to_x0(self.config.prediction, output, x, bar.to(x))
            if guide is None:
                return estimate
            return self.standardise(guide(self.mean + self.std * estimate, 1.0 - float(bar)))

        timesteps = spread_timesteps(self.config.steps, steps)
        chain = self.schedule.respaced(timesteps)
        start = normal()
        if sampler == "ddpm":
            state = sample_ddpm(denoise, start, chain, normal)
        elif sampler == "ddim":
            state = sample_ddim(denoise, start, chain)
        else:
            state = sample_dpm_solver_pp_2m(denoise, start, chain)
        return self.mean + self.std * state

    def _require_fitted(self) -> None:
        if not self.is_fitted:
            raise ConfigError("the prior has no statistics yet; call fit_statistics with the training latents")
