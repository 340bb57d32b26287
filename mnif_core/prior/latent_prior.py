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
    Denoise,
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
from mnif_core.prior.guidance import GUIDANCE, guided
from mnif_core.prior.protocol import Guide, Prior, PriorKind

TOGETHER = 512  # latents that are denoised at once: bounds memory
LABEL_DROPOUT = 0.15  # share of training latents whose label is left out (Ho & Salimans 2022: 0.1 to 0.2 do alike)
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
    classes: Annotated[int, Between(0, 1 << 20)] = 0
    """Labels that samples can be asked for; the paper has none."""

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
        shape = DenoiserConfig(config.latent_dim, config.width, config.blocks, classes=config.classes)
        self.denoiser = ResidualMLP(shape)
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

    def leave_out(self, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Labels `[n]` on the prior's device, some of them left out at random (then `classes`), for a step of training.

        So one denoiser learns with and without labels, as `prior.guidance` needs it.
        """
        device = self.mean.device
        chances = torch.rand(len(labels), generator=generator, device=device if generator is None else generator.device)
        return torch.where(chances.to(device) < LABEL_DROPOUT, self.config.classes, labels.to(device))

    def forward(self, latents: Tensor, timesteps: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Mean squared error of the prediction, for latents `[n, h]` at `timesteps` `[n]` under `noise` `[n, h]`.

        `labels` `[n]` are numbers from 0, `classes` for none. None: no latent has one.
        """
        return self._loss(self.denoiser, latents, timesteps, noise, labels)

    def loss(self, latents: Tensor, generator: torch.Generator | None = None, labels: Tensor | None = None) -> Tensor:
        """`forward` at timesteps and noise drawn anew, some of the labels left out."""
        timesteps, noise = self.draw(len(latents), generator)
        return self(latents, timesteps, noise, None if labels is None else self.leave_out(labels, generator))

    @torch.no_grad()
    def held_out_loss(
        self, latents: Tensor, generator: torch.Generator | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """`loss` of the EMA weights, for latents that training does not see, with all of their labels."""
        return self._loss(self.averaged, latents, *self.draw(len(latents), generator), labels)

    def _loss(
        self, denoiser: ResidualMLP, latents: Tensor, timesteps: Tensor, noise: Tensor, labels: Tensor | None
    ) -> Tensor:
        x0 = self.standardise(latents)
        noise = noise.to(x0.dtype)
        bars = self.schedule.alphas_cumprod.to(x0.device)[timesteps].unsqueeze(1).to(x0.dtype)
        target = training_target(self.config.prediction, x0, noise, bars)
        predicted = denoiser(q_sample(self.schedule, x0, timesteps, noise), timesteps, labels)
        return (predicted - target).square().mean()

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
        label: int | None = None,
        guidance: float = GUIDANCE,
        guide: Guide | None = None,
    ) -> Tensor:
        """Draw `[count, h]` latents with the EMA weights.

        Args:
            count: how many.
            generator: of random numbers, on the prior's device.
            sampler: `dpm++` (DPM-Solver++ 2M), `ddim` (deterministic) or `ddpm` (ancestral).
            steps: reverse steps, at most T.
            label: number of the one that all samples should have. None: as labels occur.
            guidance: towards the label, see `prior.guidance`.
            guide: see `Prior.sample`; it moves the estimate of x_0 in every reverse step.

        Raises:
            ConfigError: no statistics yet, steps or guidance out of range, or a label that it does not know.
        """
        self._require_fitted()
        self._require_label(label)
        if not 1 <= steps <= self.config.steps:
            raise ConfigError(f"cannot sample in {steps} steps; choose 1 to {self.config.steps}")
        shape, device = (count, self.config.latent_dim), self.mean.device

        def normal(_: Tensor | None = None) -> Tensor:
            return torch.randn(shape, generator=generator, device=device)

        denoise = self.denoise_with()
        if label is not None:
            denoise = guided(self.denoise_with(label), denoise, guidance)
        if guide is not None:
            denoise = self._led(denoise, guide)
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

    def denoise_with(self, label: int | None = None) -> Denoise:
        """What estimates x_0 of standardised latents with the EMA weights, all of one label or without."""

        def denoise(x: Tensor, timestep: int) -> Tensor:
            outputs = []
            for some in x.split(TOGETHER):
                timesteps = torch.full((len(some),), timestep, device=x.device)
                labels = None if label is None else torch.full_like(timesteps, label)
                outputs.append(self.averaged(some, timesteps, labels))
            output = torch.cat(outputs)
            return to_x0(self.config.prediction, output, x, self.schedule.alphas_cumprod[timestep].to(x))

        return denoise

    def _led(self, denoise: Denoise, guide: Guide) -> Denoise:
        """What moves every estimate as `guide` says."""

        def moved(x: Tensor, timestep: int) -> Tensor:
            open_share = 1.0 - float(self.schedule.alphas_cumprod[timestep])
            return self.standardise(guide(self.mean + self.std * denoise(x, timestep), open_share))

        return moved

    def _require_fitted(self) -> None:
        if not self.is_fitted:
            raise ConfigError("the prior has no statistics yet; call fit_statistics with the training latents")
