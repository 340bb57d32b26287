"""Latents of scenes that a field has not seen, from posed views."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.rendering import pixel_directions
from mnif_core.signals.picture_files import decode
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.srn_files import Instance, list_instances, read_instance, split_views

STEPS, RAYS = 200, 1024
RATE = 0.05  # of a step, in standard deviations of the training latents


@dataclass(frozen=True)
class FittedScene:
    """What was found of one scene.

    Attributes:
        name: of the instance.
        latent: `[h]`.
        views: pictures that were not fitted `[v, height, width, 3]` in [0, 1]; fitted ones where none was held out.
        made: the field's own of the same cameras.
        psnr: in dB, over `views`.
    """

    name: str
    latent: Tensor
    views: Tensor
    made: Tensor
    psnr: float


def fit_scenes(field: GenerativeField, data: Path, count: int, held_out: int, seed: int = 0) -> list[FittedScene]:
    """Fit a latent to each of the first `count` instances of a folder in SRN layout.

    Args:
        field: of scenes.
        data: as `list_instances` reads it.
        count: how many instances at most.
        held_out: views of each to judge by, evenly spread, not fitted; at most all but one.
        seed: of the rays drawn.

    Raises:
        ConfigError: not a field of scenes.
        DataError: as `list_instances` and `read_instance`.
    """
    if not isinstance(field.signal, SceneSignal):
        raise ConfigError(f"a field of kind '{field.signal.kind}' has no views; pass data of its own modality")
    instances = [read_instance(path) for path in list_instances(data, None, "train")[:count]]
    return [_fit(field, field.signal, instance, held_out, seed) for instance in track(instances, "Fitting scenes")]


def _fit(field: GenerativeField, signal: SceneSignal, instance: Instance, held_out: int, seed: int) -> FittedScene:
    device = field.device
    total = len(instance.image_filenames)
    fitted, judged = split_views(total, min(held_out, total - 1), instance.name)
    judged = judged if len(judged) else fitted
    stored = np.stack([decode(path) for path in instance.image_filenames])
    pictures = torch.from_numpy(stored).to(device).float() / 255.0
    cameras = torch.from_numpy(instance.camera_to_worlds).to(device)
    intrinsics = torch.tensor([instance.fx, instance.fy, instance.cx, instance.cy], device=device)
    latent = nn.Parameter(field.latents.mean(0, keepdim=True).clone())
    optimizer = torch.optim.Adam([latent], lr=RATE * float(field.latents.std()))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        view = torch.from_numpy(fitted)[torch.randint(len(fitted), (RAYS,), generator=generator)]
        row = torch.randint(instance.height, (RAYS,), generator=generator)
        column = torch.randint(instance.width, (RAYS,), generator=generator)
        pose = cameras[view]
        pixels = torch.stack([row, column], dim=-1).to(device)
        directions = pixel_directions(pixels, intrinsics, pose)
        jitter = torch.rand(1, RAYS, signal.samples_per_ray, generator=generator).to(device)
        rendered = signal.render_rays(field.mixture.instance(latent), pose[None, :, :, 3], directions[None], jitter)
        optimizer.zero_grad()
        (rendered.color[0] - pictures[view, row, column]).square().mean().backward()
        optimizer.step()
        schedule.step()
    found = latent.detach()
    networks = field.instance(found)
    size = (instance.height, instance.width)
    made = torch.stack([signal.render_view(networks, cameras[i], intrinsics, *size).color[0] for i in judged]).cpu()
    views = pictures[judged].cpu()
    psnr = -10.0 * (made - views).square().mean((1, 2, 3)).clamp(min=1e-8).log10().mean()
    return FittedScene(instance.name, found[0].cpu(), views, made, float(psnr))
