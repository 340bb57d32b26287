"""What is measured: each case builds both sides of one piece of work at the paper's shapes."""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from mnif_core.data.scene_folders import list_instances
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.presets import PRESETS
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.images import ImageObservations, ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.shading import FULL
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.prior_stage import PriorStage
from tests.benchmarks import reference
from tests.benchmarks.measuring import Case, Work
from tests.srn_fixture import write_srn


@dataclass(frozen=True)
class Scale:
    """How large the cases are.

    Attributes:
        device: where.
        prior_width: channels of the denoiser; the paper's 4096, or less for a quick look.
    """

    device: torch.device
    prior_width: int = 4096


def mixture_of(name: str, device: torch.device) -> tuple[MixtureSiren, MixtureConfig]:
    """A preset's mixture, freshly initialised."""
    torch.manual_seed(0)
    config = PRESETS[name].modulation
    assert isinstance(config, MixtureConfig)
    return MixtureSiren(config).to(device), config


def network_work(config: MixtureConfig, points: int, passes: float = 1.0, sine_passes: float = 1.0) -> Work:
    """Of networks at `points` in all: every layer's product, and its sines."""
    macs = sum(o * i for o, i in config.layer_shapes)
    channels = config.width * (config.hidden_layers + 1)
    channels += config.out_dim if config.output_activation == "sine" else 0
    return Work(flops=2.0 * passes * macs * points, sines=sine_passes * channels * points)


def mixing(scale: Scale) -> Case:
    """Bases of image L to 8 networks."""
    mixture, config = mixture_of("image-l", scale.device)
    latents = torch.randn(8, config.latent_dim, device=scale.device)
    bases = 4.0 * config.num_bases * config.instance_parameters
    work = Work(flops=2.0 * 8 * config.num_bases * config.instance_parameters, bytes=bases)
    return Case(
        torch.no_grad()(lambda: mixture.instance(latents)),
        torch.no_grad()(lambda: reference.mix(mixture, latents)),
        work,
    )


def decoding(preset: str, instances: int) -> Callable[[Scale], Case]:
    """Latents to pictures or grids, mixing included."""

    def build(scale: Scale) -> Case:
        mixture, config = mixture_of(preset, scale.device)
        signal: Any = ImageSignal() if PRESETS[preset].modality == "image" else VoxelSignal()
        latents = 0.01 * torch.randn(instances, config.latent_dim, device=scale.device)
        grid = signal.grid().to(scale.device)

        @torch.no_grad()
        def ours() -> Tensor:
            return signal.decode(mixture.instance(latents))

        @torch.no_grad()
        def plain() -> Tensor:
            values = reference.field(mixture, latents, grid.expand(instances, -1, -1))
            return (values * 0.5 + 0.5).clamp(0.0, 1.0)

        return Case(ours, plain, network_work(config, instances * len(grid)), rounds=5)

    return build


def view(scale: Scale) -> Case:
    """One view of NeRF S, 128^2 pixels of 32 samples, mixing included."""
    mixture, config = mixture_of("nerf-s", scale.device)
    signal = SceneSignal()
    latent = 0.01 * torch.randn(1, config.latent_dim, device=scale.device)
    camera = signal.orbit(1)[0].to(scale.device)

    @torch.no_grad()
    def ours() -> Tensor:
        return signal.render_view(mixture.instance(latent), camera).color

    @torch.no_grad()
    def plain() -> Tensor:
        rays = reference.rays_of_views(signal.intrinsics.to(scale.device), camera[None], signal.height, signal.width)
        network = reference.mix(mixture, latent)
        return reference.render(mixture, network, *rays, signal.near, signal.far, signal.samples_per_ray)

    return Case(ours, plain, network_work(config, signal.height * signal.width * signal.samples_per_ray), rounds=5)


def meta_learning(preset: str, instances: int) -> Callable[[Scale], Case]:
    """One outer step with 4,096 points of each instance: data, inner steps, gradient, optimiser."""

    def build(scale: Scale) -> Case:
        mixture, config = mixture_of(preset, scale.device)
        chosen = replace(PRESETS[preset], stage_1=replace(PRESETS[preset].stage_1, batch_size=instances))
        points = 4096
        data: Any
        if chosen.modality == "image":
            pictures = torch.randint(256, (2 * instances, 64, 64, 3), dtype=torch.uint8)
            data = ImageObservations(pictures, [str(i) for i in range(len(pictures))])
        else:
            cells = torch.randint(64, (2 * instances, points, 3), dtype=torch.uint8)
            values = torch.randint(2, cells.shape[:2], dtype=torch.int8) * (2 * FULL) - FULL
            data = VoxelObservations(cells, values, 64, [str(i) for i in range(len(cells))], VoxelSignal())
        stage = FieldStage(_fabric(scale.device), chosen, data.to(scale.device), None, seed=0)
        steps = iter(range(10**6))
        optimizer = torch.optim.AdamW(mixture.parameters(), lr=1e-4, weight_decay=0.0)
        rates = torch.full((config.latent_dim,), chosen.fitting.inner_rate, device=scale.device, requires_grad=True)

        def plain() -> None:
            coordinates, targets = data.to(scale.device).observe(torch.arange(instances))
            init = 1e-4 * torch.randn(instances, config.latent_dim, device=scale.device)
            optimizer.zero_grad()
            reference.meta_learning_loss(mixture, init, rates, coordinates, targets).backward()
            optimizer.step()

        # an inner step: forward 1, gradient 2, and twice that to differentiate both; the outer loss: 3
        work = network_work(config, instances * points, passes=3 * 9 + 3, sine_passes=3 * 2 + 2)
        return Case(lambda: stage.step(next(steps)), plain, work, rounds=3)

    return build


def auto_decoding(scale: Scale) -> Case:
    """One step of NeRF S, 2 scenes of 4 views of 128 pixels: rays from the data, rendering, gradient, optimisers."""
    pipeline, optimizers = _pipeline(scale.device, scenes=2, views=4, pixels=128)
    steps = iter(range(10**6))

    def ours() -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        _, losses, _ = pipeline.get_train_loss_dict(next(steps))
        sum(losses.values()).backward()
        for optimizer in optimizers:
            optimizer.step()

    mixture = copy.deepcopy(pipeline.mnif.field.mixture)
    table = torch.nn.Parameter(0.01 * torch.randn(8, mixture.config.latent_dim, device=scale.device))
    bases = torch.optim.AdamW(mixture.parameters(), lr=1e-4, weight_decay=0.0)
    latents = torch.optim.Adam([table], lr=1e-4)
    store, signal = pipeline.datamanager.store, pipeline.mnif.signal
    pictures = store.images.clone().unflatten(0, (8, -1)).cpu()
    cameras, intrinsics = store.camera_to_worlds.clone().unflatten(0, (8, -1)).cpu(), store.intrinsics[0].cpu()
    generator = torch.Generator().manual_seed(0)

    def plain() -> None:
        scenes = torch.randperm(8, generator=generator)[:2]
        drawn = reference.pixels_of_step(pictures[scenes], cameras[scenes], intrinsics, 4, 128, generator)
        origins, directions, colors = (part.to(scale.device) for part in drawn)
        bases.zero_grad()
        latents.zero_grad()
        chosen = table[scenes]
        network = reference.mix(mixture, chosen)
        made = reference.render(mixture, network, origins, directions, signal.near, signal.far, signal.samples_per_ray)
        ((made - colors).square().mean() + 0.5e-4 * chosen.square().sum()).backward()
        bases.step()
        latents.step()

    points = 2 * 4 * 128 * signal.samples_per_ray
    return Case(ours, plain, network_work(mixture.config, points, passes=3, sine_passes=2))


def loading(scale: Scale) -> Case:
    """The data of one paper-size step: 8 scenes of 32 views of 512 pixels, of 128^2 pictures."""
    pipeline, _ = _pipeline(scale.device, scenes=8, views=32, pixels=512)
    manager, generator = pipeline.datamanager, torch.Generator().manual_seed(0)
    store = manager.store
    steps = iter(range(10**6))
    cameras, intrinsics = store.camera_to_worlds.clone().unflatten(0, (8, -1)).cpu(), store.intrinsics[0].cpu()

    def plain() -> None:
        chosen = torch.randint(cameras.shape[1], (8, 32), generator=generator)
        files = [sorted((path / "rgb").iterdir()) for path in manager.instances]
        pictures = torch.stack(
            [reference.read_views([files[s][v] for v in views]) for s, views in enumerate(chosen.tolist())]
        )
        poses = torch.stack([cameras[s, views] for s, views in enumerate(chosen)])
        drawn = reference.pixels_of_step(pictures, poses, intrinsics, 32, 512, generator)
        [part.to(scale.device) for part in drawn]

    return Case(lambda: manager.next_train(next(steps)), plain, rounds=3)


def prior_step(scale: Scale) -> Case:
    """One step of stage 2, 32 latents of 128 dimensions: loss, gradient, optimiser, averaged weights."""
    preset = replace(PRESETS["nerf-s"], prior=PriorConfig(128, width=scale.prior_width))
    latents = torch.randn(256, 128, device=scale.device)
    stage = PriorStage(_fabric(scale.device), preset, latents, None, seed=0)
    steps = iter(range(10**6))
    plain_prior = LatentPrior(preset.prior).to(scale.device)
    plain_prior.fit_statistics(latents)
    optimizer = torch.optim.AdamW(plain_prior.denoiser.parameters(), lr=1e-4, weight_decay=0.0)

    def plain() -> None:
        loss = plain_prior.loss(latents[torch.randint(256, (32,), device=scale.device)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        reference.move_average(plain_prior.averaged, plain_prior.denoiser, 0.9999)

    weights = sum(p.numel() for p in plain_prior.denoiser.parameters())
    # forward and backward read the weights and write gradients; the optimiser and the average read 5 and write 4
    work = Work(flops=6.0 * 32 * weights, bytes=4.0 * weights * (3 + 9))
    return Case(lambda: stage.step(next(steps)), plain, work, rounds=5)


def sampling(scale: Scale) -> Case:
    """16 latents of 128 dimensions: ours as `sample` draws them by default, against the chain of 1,000 steps."""
    torch.manual_seed(0)
    prior = LatentPrior(PriorConfig(128, width=scale.prior_width)).to(scale.device).eval()
    prior.fit_statistics(torch.randn(256, 128, device=scale.device))

    denoiser = reference.plain_denoiser(prior.averaged).to(scale.device)

    def plain() -> Tensor:
        state = reference.sample(denoiser, prior.schedule, torch.randn(16, 128, device=scale.device), torch.randn_like)
        return prior.mean + prior.std * state

    weights = sum(p.numel() for p in prior.averaged.parameters())
    steps = 25
    return Case(
        lambda: prior.sample(16), plain, Work(flops=2.0 * 16 * weights * steps, bytes=4.0 * weights * steps), rounds=1
    )


def _fabric(device: torch.device) -> Fabric:
    return Fabric(accelerator=device.type, devices=1)


def _pipeline(device: torch.device, scenes: int, views: int, pixels: int) -> tuple[Any, list[torch.optim.Optimizer]]:
    """The method `mnif` on 8 scenes of 33 views, and its optimisers of stage 1."""
    from mnif_nerfstudio.methods import mnif

    root = Path(tempfile.gettempdir()) / "mnif-benchmark-scenes"
    if not root.exists():
        write_srn(root, scenes=8, views=33, size=128)
    list_instances(root, None, "train")
    config: Any = copy.deepcopy(mnif.config.pipeline)
    config.datamanager.data = root
    config.datamanager.scenes_per_step = scenes
    config.datamanager.views_per_scene, config.datamanager.pixels_per_view = views, pixels
    config.model.prior_width = 64  # not used here
    pipeline = config.setup(device=str(device), test_mode="val")
    groups = pipeline.get_param_groups()
    made = [mnif.config.optimizers[name]["optimizer"].setup(params=groups[name]) for name in ("bases", "latents")]
    return pipeline, made


CASES: dict[str, Callable[[Scale], Case]] = {
    "mixing, image L, 8 instances": mixing,
    "decoding, image S, 8 of 64^2": decoding("image-s", 8),
    "decoding, image L, 8 of 64^2": decoding("image-l", 8),
    "decoding, voxel S, 64^3": decoding("voxel-s", 1),
    "decoding, voxel L, 64^3": decoding("voxel-l", 1),
    "view, NeRF S, 128^2 x 32": view,
    "meta step, image S, batch 4": meta_learning("image-s", 4),
    "meta step, image L, batch 4": meta_learning("image-l", 4),
    "meta step, voxel S, batch 4": meta_learning("voxel-s", 4),
    "auto-decoding step, NeRF S": auto_decoding,
    "data of a step, NeRF S": loading,
    "prior step, batch 32": prior_step,
    "sampling, 16 latents": sampling,
}
TARGETS = {
    "mixing, image L, 8 instances": (15.0, 0.1),
    "view, NeRF S, 128^2 x 32": (4.0, None),
    "meta step, image S, batch 4": (2.0, 0.5),
    "auto-decoding step, NeRF S": (2.5, None),
    "sampling, 16 latents": (40.0, None),
}
