"""Unseen objects fitted to few and to many of their views: how the number of views tells, and the run's new scenes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.data.posed_views import PosedViews
from mnif_core.data.scene_folders import split_views
from mnif_core.errors import ConfigError, DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.unseen.saved_scenes import SavedScene, checked_name
from mnif_core.unseen.scene_fitting import (
    SceneFit,
    SceneFitConfig,
    find_scene,
    nearest_training_scene,
    signal_of_scenes,
)
from mnif_core.unseen.target_views import TargetViews, mean_psnr


@dataclass(frozen=True)
class StudyConfig:
    """What is fitted, and how."""

    counts: Sequence[int] = ()
    """Numbers of views. None: all that are not held out."""
    held_out: int = 3
    """Views of each object, evenly spread, that only judge."""
    fitting: SceneFitConfig = SceneFitConfig()
    """How a scene is found."""


@dataclass(frozen=True)
class StudyResult:
    """One object fitted to some of its views, beside the training scene that matches the same views best.

    Attributes:
        views: how many were fitted.
        scene: what was found.
        nearest: that training scene from the judged cameras, as `scene.made`.
    """

    views: int
    scene: SceneFit
    nearest: Tensor

    @property
    def nearest_psnr(self) -> float:
        """Of the training scene, in dB, over the same views as `scene.psnr`."""
        return mean_psnr(self.nearest, self.scene.views)


def study_objects(
    field: GenerativeField, objects: Sequence[PosedViews], config: StudyConfig
) -> list[list[StudyResult]]:
    """Fit every object to every number of views, evenly spread over those that are not held out.

    Args:
        field: of scenes.
        objects: in the field's world.
        config: what to fit, and how.

    Returns:
        For every object one result for every number of views, ascending.

    Raises:
        ConfigError: not a field of scenes.
        DataError: an object has too few views, or as `TargetViews`.
    """
    signal = signal_of_scenes(field)
    targets = [TargetViews(views, signal, field.device) for views in objects]
    jobs = [(number, *job) for number, target in enumerate(targets) for job in _splits(target, config)]
    results: list[list[StudyResult]] = [[] for _ in targets]
    for number, views, held in track(jobs, "Fitting"):
        target = targets[number]
        scene = find_scene(field, target, views, held, config.fitting)
        nearest = field.latents[nearest_training_scene(field, target, views)]
        shown = target.rendered(field.instance(nearest), held if len(held) else views).cpu()
        results[number].append(StudyResult(len(views), scene, shown))
    return results


def _splits(target: TargetViews, config: StudyConfig) -> list[tuple[Tensor, Tensor]]:
    """Views to fit and views to judge by, for every number of views, ascending."""
    held_out, most = config.held_out, len(target) - config.held_out
    wanted = sorted(set(config.counts)) or [most]
    if held_out < 0 or not 1 <= wanted[0] <= wanted[-1] <= most:
        raise DataError(
            f"{target.name}: {len(target)} views, of which {held_out} are held out, cannot give "
            f"{wanted[-1]} to fit; pass other --views or --held-out"
        )
    rest, held = (torch.from_numpy(part) for part in split_views(len(target), held_out, target.name))
    return [(rest[((torch.arange(count) + 0.5) * len(rest) / count).long()], held) for count in wanted]


def scene_names(folder: Path, objects: Sequence[str], name: str | None, may_replace: bool) -> list[str]:
    """What to call each of `objects`, by their own names, in the field's `folder`: `name`, or one made of its own.

    Raises:
        ConfigError: one name for several objects, names that are taken, or no names for files.
    """
    if name is not None and len(objects) > 1:
        raise ConfigError(f"one name, {name}, for {len(objects)} objects; leave --name out, or fit one at a time")
    made = [re.sub(r"[^A-Za-z0-9_.-]+", "-", own).strip(".-") or "object" for own in objects]
    names = [checked_name(folder, name or own, may_replace) for own in made]
    if len(set(names)) < len(names):
        raise ConfigError(f"two of the objects are called {max(names, key=names.count)}; fit one at a time with --name")
    return names


def stored_scene(name: str, found: SceneFit, own_weights: bool) -> SavedScene:
    """`found` as a scene of the run; with its network's weights where they are its own, not mixed by its latent."""
    own = (found.networks.weights, found.networks.biases) if own_weights else ((), ())
    return SavedScene(name, found.latent, *own)


def mean_scores(results: Sequence[Sequence[StudyResult]]) -> list[tuple[int, float, float]]:
    """For every number of views: the number, and the objects' mean PSNR in dB, fitted and of nearest training scenes.

    Args:
        results: of `study_objects`.
    """
    columns = []
    for each in zip(*results, strict=False):
        fitted = sum(one.scene.psnr for one in each) / len(each)
        nearest = sum(one.nearest_psnr for one in each) / len(each)
        columns.append((each[0].views, fitted, nearest))
    return columns


def study_pictures(results: Sequence[Sequence[StudyResult]]) -> list[list[Tensor]]:
    """For every object a view, what each number of views makes of it, and its nearest training scene.

    Each `[height, width, 3]` in [0, 1].
    """
    return [[each[0].scene.views[0], *(one.scene.made[0] for one in each), each[-1].nearest[0]] for each in results]


def draw_pictures(field: GenerativeField, results: Sequence[Sequence[StudyResult]]) -> list[list[Tensor]]:
    """For every object two rows: the draws of the prior that its views guided, from one side and from the other.

    Each `[height, width, 3]` in [0, 1]; those of the fewest views, which leave most open, the best first.
    """
    cameras, rows = signal_of_scenes(field).orbit(2), []
    for each in results:
        draws = each[0].scene.draws
        if draws is not None:
            rows += [list(field.render(draws, camera).cpu()) for camera in cameras]
    return rows
