"""The plain reference that speed is measured against: the authors' scheme, written straight from the equations.

Mixing element by element through `[s, m, out * in]`, one layer after the other, the inner gradient by double backward,
all rays of a view before any are chosen, the whole chain of 1,000 steps.
Shape letters: s instances, p points, m bases, v views, r rays of a scene, n samples on a ray, h latent.
"""

import copy
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mnif_core.networks.mixture import MixtureSiren
from mnif_core.prior.denoiser import ResidualMLP
from mnif_core.prior.diffusion import NoiseSchedule

Network = list[tuple[Tensor, Tensor]]


def mix(mixture: MixtureSiren, latents: Tensor) -> Network:
    """Weight `[s, o, i]` and bias `[s, o]` of each layer."""
    coefficients = mixture.coefficients(latents)
    layers = []
    for index, (weight, bias) in enumerate(zip(mixture.basis_weights, mixture.basis_biases, strict=True)):
        alpha = coefficients[:, index].unsqueeze(2)
        mixed = (alpha * weight.flatten(1)).sum(1).unflatten(1, weight.shape[1:])
        layers.append((mixed, (alpha * bias).sum(1)))
    return layers


def evaluate(network: Network, coordinates: Tensor, w0: float, sine_output: bool) -> Tensor:
    """`[s, p, d]` -> `[s, p, k]`."""
    x = coordinates
    for index, (weight, bias) in enumerate(network):
        x = torch.matmul(x, weight.transpose(1, 2)) + bias.unsqueeze(1)
        if sine_output or index < len(network) - 1:
            x = torch.sin(w0 * x)
    return x


def field(mixture: MixtureSiren, latents: Tensor, coordinates: Tensor) -> Tensor:
    """Values `[s, p, k]` at `[s, p, d]`."""
    config = mixture.config
    return evaluate(mix(mixture, latents), coordinates, config.w0, config.output_activation == "sine")


def meta_learning_loss(
    mixture: MixtureSiren, init: Tensor, rates: Tensor, coordinates: Tensor, targets: Tensor, steps: int = 3
) -> Tensor:
    """Loss of the outer step of Alg. 1, its graph through all inner steps."""
    latents = init.detach().requires_grad_()
    for _ in range(steps):
        inner = (field(mixture, latents, coordinates) - targets).square().mean((1, 2)).sum()
        (gradient,) = torch.autograd.grad(inner, latents, create_graph=True)
        latents = latents - rates * gradient
    return (field(mixture, latents, coordinates) - targets).square().mean()


def rays_of_views(intrinsics: Tensor, cameras: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Origins and directions (z = -1 in the camera) of all pixels of views `[v, 3, 4]`: `[v, height * width, 3]`."""
    rows, columns = torch.meshgrid(
        torch.arange(height, device=cameras.device), torch.arange(width, device=cameras.device), indexing="ij"
    )
    fx, fy, cx, cy = intrinsics
    x, y = (columns + 0.5 - cx) / fx, -(rows + 0.5 - cy) / fy
    in_camera = torch.stack([x, y, -torch.ones_like(x)], dim=-1).view(-1, 3)
    directions = (in_camera[None, :, None, :] * cameras[:, None, :, :3]).sum(-1)
    return cameras[:, None, :, 3].expand_as(directions), directions


def render(
    mixture: MixtureSiren, network: Network, origins: Tensor, directions: Tensor, near: float, far: float, count: int
) -> Tensor:
    """Colours `[s, r, 3]` in [-1, 1] over white, all samples of all rays at once."""
    depths = torch.linspace(near, far, count, device=origins.device).expand(*origins.shape[:-1], count)
    points = origins.unsqueeze(-2) + depths.unsqueeze(-1) * directions.unsqueeze(-2)
    values = evaluate(network, points.flatten(1, 2), mixture.config.w0, mixture.config.output_activation == "sine")
    values = values.unflatten(1, depths.shape[1:])
    colors, density = values[..., :3], (nn.functional.elu(values[..., 3], 0.1) + 0.1).clamp(0.0, 10.0)
    spacing = depths[..., 1:] - depths[..., :-1]
    spacing = torch.cat([spacing, spacing.mean(-1, keepdim=True)], -1) * directions.norm(dim=-1, keepdim=True)
    alpha = 1.0 - torch.exp(-density * spacing)
    passed = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1.0 - alpha + 1e-10], -1), -1)[..., :-1]
    weights = alpha * passed
    return (weights.unsqueeze(-1) * colors).sum(-2) + (1.0 - weights.sum(-1, keepdim=True))


def pixels_of_step(
    pictures: Tensor, cameras: Tensor, intrinsics: Tensor, views: int, pixels: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Origins, directions and colours in [-1, 1], each `[s, views * pixels, 3]`.

    Args:
        pictures: uint8 `[s, v, height, width, 3]`.
        cameras: `[s, v, 3, 4]`.
        intrinsics: `[4]`.
        views: drawn of each scene.
        pixels: drawn of each scene, the same for all its views.
        generator: of random numbers.
    """
    parts = []
    for scene in range(len(pictures)):
        chosen = torch.randint(pictures.shape[1], (views,), generator=generator)
        origins, directions = rays_of_views(intrinsics, cameras[scene, chosen], *pictures.shape[2:4])
        colors = pictures[scene, chosen].float().flatten(1, 2) / 127.5 - 1.0
        place = torch.randint(origins.shape[1], (pixels,), generator=generator)
        parts.append([part[:, place].flatten(0, 1) for part in (origins, directions, colors)])
    origins, directions, colors = (torch.stack(part) for part in zip(*parts, strict=True))
    return origins, directions, colors


def read_views(files: Sequence[Path]) -> Tensor:
    """Pictures decoded from their files, uint8 `[v, height, width, 3]`."""
    return torch.stack([torch.from_numpy(np.array(Image.open(file).convert("RGB"))) for file in files])


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """One step of the averaged weights, parameter by parameter."""
    for shadow, weight in zip(average.parameters(), model.parameters(), strict=True):
        shadow.sub_((1.0 - decay) * (shadow - weight))


def plain_denoiser(denoiser: ResidualMLP) -> ResidualMLP:
    """A copy with nothing but ordinary linear layers."""
    plain = copy.deepcopy(denoiser)
    for block in plain.blocks:
        for name in ("linear1", "linear2"):
            linear = nn.Linear(plain.config.width, plain.config.width)
            linear.load_state_dict(getattr(block, name).state_dict())
            setattr(block, name, linear)
    return plain


@torch.no_grad()
def sample(denoiser: ResidualMLP, schedule: NoiseSchedule, start: Tensor, noise: Callable[[Tensor], Tensor]) -> Tensor:
    """Ancestral sampling along the whole chain, for a denoiser that predicts x_0, variance beta_t."""
    x = start
    for t in reversed(range(len(schedule.betas))):
        beta, bar = float(schedule.betas[t]), float(schedule.alphas_cumprod[t])
        before = float(schedule.alphas_cumprod[t - 1]) if t > 0 else 1.0
        clean = denoiser(x, torch.full((len(x),), t, device=x.device))
        mean = math.sqrt(before) * beta / (1.0 - bar) * clean
        mean = mean + math.sqrt(1.0 - beta) * (1.0 - before) / (1.0 - bar) * x
        x = mean + math.sqrt(beta) * noise(x) if t > 0 else mean
    return x
