"""Scenes that a field has not seen, from posed views: a latent, and where asked for weights of their own.

Shape letters: s scenes, h latent, v views, r rays.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor, nn

from mnif_core.data.posed_views import read_posed_views
from mnif_core.data.scene_folders import list_instances, split_views
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.cameras import Axis
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.guided_draws import GuidanceConfig, guided_draws
from mnif_core.unseen.target_views import EXACT, TargetViews, mean_psnr
from mnif_core.unseen.whitening import Whitening


@dataclass(frozen=True)
class SceneFitConfig:
    """How a scene is found. The latent's prior is the Gaussian of the training latents.

    While the latent is sought, the error counts by its logarithm, as if it were noise whose variance is not known: an
    object that the field can show well is to be met well, and one that it cannot is not forced.
    """

    steps: int = 120
    """Adam steps on the latent."""
    rays: int = 512
    """Pixels drawn in each step."""
    rate: float = 0.1
    """Of the latent's steps, in standard deviations of the training latents."""
    pull: float = 0.5
    """Weight of the latent's squared distance to the training latents against the log of the error of one view."""
    weight_steps: int = 0
    """Adam steps on the scene's own network afterwards; 0 to leave what its latent mixes."""
    weight_rate: float = 5e-4
    """Of those steps: at higher ones they end in the noise of the pixels drawn."""
    weight_pull: float = 0.01
    """Weight of the network's squared distance to what the latent mixes, against the error of one view."""
    shown_pull: float = 0.1
    """Weight of the squared error between what the network and the latent show from all round, against the error of one
    view, which tells nothing of the back; 0 to look at neither."""
    draws: int = 0
    """Samples of the prior that the views guide; the latent starts from the one that meets them best. 0: it starts from
    the mean of the training latents."""
    symmetric: Axis | None = None
    """Axis across which the object is its own mirror image: each view then counts as its mirrored one too."""
    seed: int = 0
    """Of the pixels drawn, and of the prior's samples."""


@dataclass(frozen=True)
class SceneFit:
    """What was found of one scene: a result in memory; `saved_scenes.SavedScene` is the file.

    Attributes:
        name: of the instance.
        latent: `[h]`.
        networks: of the scene: mixed by `latent`, or its own.
        views: pictures that were not fitted `[v, height, width, 3]` in [0, 1]; fitted ones where none was held out.
        made: the field's own of the same cameras.
        psnr: in dB, over `views`.
        draws: guided samples of the prior `[n, h]`, those that meet the fitted views best first; none were drawn.
    """

    name: str
    latent: Tensor
    networks: InstanceNetworks
    views: Tensor
    made: Tensor
    psnr: float
    draws: Tensor | None = None


@torch.no_grad()
def nearest_training_scene(
    field: GenerativeField, target: TargetViews, views: Tensor, rays: int = 512, seed: int = 0
) -> int:
    """The training scene whose renders match `views` `[v]` of `target` best, judged by `rays` pixels."""
    origins, directions, colors = target.draw(views, rays, torch.Generator().manual_seed(seed))
    errors = []
    for latent in field.latents:
        made = target.signal.render_rays(field.instance(latent), origins, directions).color
        errors.append((made.clamp(0.0, 1.0) - colors).square().mean())
    return int(torch.stack(errors).argmin())


def fit_latent(
    field: GenerativeField,
    target: TargetViews,
    views: Tensor,
    fitting: SceneFitConfig,
    start: Tensor | None = None,
) -> Tensor:
    """The latent `[h]` that explains `views` `[v]` of `target` and lies near the training latents.

    Maximum a posteriori in whitened coordinates; the fewer the views, the more the training latents count.
    It starts from `start` `[h]`, or from the mean of the training latents.
    """
    whitening = Whitening.of(field.latents)
    whitened = nn.Parameter(whitening.whitened(whitening.mean if start is None else start))

    def networks() -> InstanceNetworks:
        return field.modulation.instance(whitening.latents(whitened)[None])

    def objective(error: Tensor) -> Tensor:
        return (error + EXACT).log() + fitting.pull / len(views) * whitened.square().mean()

    _minimise([whitened], networks, objective, target, views, fitting, fitting.steps, fitting.rate)
    return whitening.latents(whitened).detach()


def fit_weights(
    field: GenerativeField, target: TargetViews, views: Tensor, latent: Tensor, fitting: SceneFitConfig
) -> InstanceNetworks:
    """The network of `latent` `[h]`, its own weights fitted further to `views` `[v]` of `target`."""
    mixed = field.instance(latent)
    weights = [nn.Parameter(weight.clone()) for weight in mixed.weights]
    biases = [nn.Parameter(bias.clone()) for bias in mixed.biases]

    def networks() -> InstanceNetworks:
        return replace(mixed, weights=tuple(weights), biases=tuple(biases))

    if fitting.shown_pull:
        elsewhere, generator = target.all_round(mixed), torch.Generator().manual_seed(fitting.seed)
        every = torch.arange(len(elsewhere))
        weight = fitting.shown_pull * elsewhere.drawn_share(every)

    def objective(error: Tensor) -> Tensor:
        pairs = zip(weights + biases, mixed.weights + mixed.biases, strict=True)
        moved = torch.stack([(own - old).square().sum() for own, old in pairs]).sum()
        pulls = fitting.weight_pull * moved
        if fitting.shown_pull:
            pulls = pulls + weight * elsewhere.errors(networks(), every, fitting.rays // 2, generator).mean()
        return error + pulls / len(views)

    parameters = weights + biases
    _minimise(parameters, networks, objective, target, views, fitting, fitting.weight_steps, fitting.weight_rate)
    return replace(mixed, weights=tuple(w.detach() for w in weights), biases=tuple(b.detach() for b in biases))


def _minimise(
    parameters: list[nn.Parameter],
    networks: Callable[[], InstanceNetworks],
    objective: Callable[[Tensor], Tensor],
    target: TargetViews,
    views: Tensor,
    fitting: SceneFitConfig,
    steps: int,
    rate: float,
) -> None:
    optimizer = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    generator = torch.Generator().manual_seed(fitting.seed)
    share = target.drawn_share(views)  # all other pixels are right: pulls weigh against the error of whole views
    for _ in range(steps):
        loss = objective(share * target.errors(networks(), views, fitting.rays, generator).mean())
        optimizer.zero_grad()
        loss.backward(inputs=parameters)
        optimizer.step()
        schedule.step()


def find_scene(
    field: GenerativeField, target: TargetViews, views: Tensor, judged: Tensor, fitting: SceneFitConfig
) -> SceneFit:
    """Fit one scene to `views` `[v]` of `target` and judge it by others, `judged`, or by the same if there are none.

    Raises:
        ConfigError: draws of a field that has no prior.
    """
    judged, seen, draws = judged if len(judged) else views, target, None
    if fitting.symmetric is not None:
        seen = target.with_mirrored(views, fitting.symmetric)
        views = torch.arange(len(seen))
    if fitting.draws:
        guidance = GuidanceConfig(draws=fitting.draws, pull=fitting.pull, seed=fitting.seed)
        draws = guided_draws(field, seen, views, guidance)
    latent = fit_latent(field, seen, views, fitting, None if draws is None else draws[0])
    networks = fit_weights(field, seen, views, latent, fitting) if fitting.weight_steps else field.instance(latent)
    made, truth = target.rendered(networks, judged).cpu(), target.truth(judged).cpu()
    return SceneFit(target.name, latent.cpu(), networks, truth, made, mean_psnr(made, truth), draws)


def signal_of_scenes(field: GenerativeField) -> SceneSignal:
    """The signal of a field of scenes.

    Raises:
        ConfigError: a field of another kind.
    """
    return SceneSignal.of(field.signal, "has no views; pass data of its own modality")


def fit_scenes(field: GenerativeField, data: Path, count: int, held_out: int, seed: int = 0) -> list[SceneFit]:
    """Fit a latent to each of the first `count` instances of a folder of scenes.

    Args:
        field: of scenes.
        data: as `list_instances` reads it, its cameras as the field's own.
        count: how many instances at most.
        held_out: views of each to judge by, evenly spread, not fitted; at most all but one.
        seed: of the pixels drawn.

    Raises:
        ConfigError: not a field of scenes.
        DataError: as `list_instances`, `read_posed_views` and `TargetViews`.
    """
    signal, fitting = signal_of_scenes(field), SceneFitConfig(seed=seed)
    scenes = []
    for path in track(list_instances(data, None, "train")[:count], "Fitting scenes"):
        target = TargetViews(read_posed_views(path, signal.reading), signal, field.device)
        fitted, judged = (
            torch.from_numpy(part) for part in split_views(len(target), min(held_out, len(target) - 1), path)
        )
        scenes.append(find_scene(field, target, fitted, judged, fitting))
    return scenes
