"""The residual MLP of stage 2: what the diffusion prior predicts with (paper A.3; Functa's architecture).

Shape letters: n latents, h latent dimension, o channels.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mnif_core.errors import ConfigError

FEW = 32  # latents (rows), up to which weights on the left are faster


@dataclass(frozen=True)
class DenoiserConfig:
    """Shape of a denoiser. Width and blocks default to the paper's; the rest is the authors' code."""

    latent_dim: int
    width: int = 4096
    blocks: int = 4
    groups: int = 16
    time_dim: int = 64
    classes: int = 0
    """Labels that it knows; 0: it takes none."""

    def __post_init__(self) -> None:
        if self.width % self.groups:
            raise ConfigError(f"denoiser width {self.width} is not a multiple of {self.groups}; choose one that is")


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """[cos, sin] of `timesteps` `[n]` at frequencies 10000^(-k / (dim // 2)) -> `[n, dim]`; an odd dim ends in 0."""
    half = dim // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, device=timesteps.device) / half)
    angles = timesteps.float().unsqueeze(1) * frequencies
    embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
    return functional.pad(embedding, (0, dim % 2))


class SquareLinear(nn.Linear):
    """A linear layer whose cost for few rows is reading its weights.

    A CPU reads them 1.5 times as fast with the weights on the left and the rows as columns; the gradient would lose it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`[n, o]` -> `[n, o]`."""
        if torch.is_grad_enabled() or x.device.type != "cpu" or len(x) > FEW:
            return super().forward(x)
        return torch.addmm(self.bias.unsqueeze(1), self.weight, x.T).T.contiguous()


class ResidualBlock(nn.Module):
    """x + Linear(SiLU(Norm(Linear(SiLU(Norm(x))) + time))); zero at the start, so that a block begins as identity."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(config.groups, config.width)
        self.linear1 = SquareLinear(config.width, config.width)
        self.time = nn.Linear(config.time_dim, config.width)
        self.norm2 = nn.GroupNorm(config.groups, config.width)
        self.linear2 = SquareLinear(config.width, config.width)
        for linear in (self.linear1, self.time):
            _kaiming_(linear)
        nn.init.zeros_(self.linear2.weight)
        nn.init.zeros_(self.linear2.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """`[n, o]` and the time embedding `[n, time_dim]` -> `[n, o]`."""
        hidden = self.linear1(functional.silu(self.norm1(x))) + self.time(functional.silu(time))
        return x + self.linear2(functional.silu(self.norm2(hidden)))


class ResidualMLP(nn.Module):
    """Residual blocks between two linear layers; the first half's inputs join the second half's, as in a U-Net."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.time = nn.Linear(config.time_dim, config.time_dim)
        self.input = nn.Linear(config.latent_dim, config.width)
        self.blocks = nn.ModuleList(ResidualBlock(config) for _ in range(config.blocks))
        self.norm = nn.GroupNorm(config.groups, config.width)
        self.output = nn.Linear(config.width, config.latent_dim)
        for linear in (self.time, self.input, self.output):
            _kaiming_(linear)
        # made last, so that without labels all else starts from the same numbers; the last row is no label. Of a row a
        # part joins the time, for every block, and a part the latents; samples follow both better than either
        self.label = nn.Embedding(config.classes + 1, config.time_dim + config.width) if config.classes else None

    def forward(self, latents: Tensor, timesteps: Tensor, labels: Tensor | None = None) -> Tensor:
        """Noisy latents `[n, h]` at integer timesteps `[n]` -> prediction `[n, h]`.

        Where labels are known, `labels` `[n]` are numbers from 0, `classes` for none. None: no latent has one.
        """
        time = self.time(timestep_embedding(timesteps, self.config.time_dim).to(latents.dtype))
        hidden, skips, half = self.input(latents), [], len(self.blocks) // 2
        if self.label is not None:
            own = self.label(torch.full_like(timesteps, self.config.classes) if labels is None else labels)
            time, hidden = time + own[:, : self.config.time_dim], hidden + own[:, self.config.time_dim :]
        for index, block in enumerate(self.blocks):
            if index < half:
                skips.append(hidden)
            elif index >= len(self.blocks) - half:
                hidden = hidden + skips.pop()
            hidden = block(hidden, time)
        return self.output(functional.silu(self.norm(hidden)))


def _kaiming_(linear: nn.Linear) -> None:
    nn.init.kaiming_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
