"""Unseen objects fitted to few and to many of their views: how the number of views tells, and the run's new scenes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from mnif_core.data.posed_views import PosedViews
from mnif_core.data.scene_folders import split_views
from mnif_core.errors import ConfigError, DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import arrange, save_png
from mnif_core.unseen.saved_scenes import SavedScene, checked_name, save_scene
from mnif_core.unseen.scene_fitting import (
    SceneFit,
    SceneFitConfig,
    TargetViews,
    find_scene,
    mean_psnr,
    nearest_training_scene,
    signal_of_scenes,
)


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
    field: GenerativeField,
    objects: Sequence[PosedViews],
    counts: Sequence[int],
    held_out: int,
    fitting: SceneFitConfig,
) -> list[list[StudyResult]]:
    """Fit every object to every number of views, evenly spread over those that are not held out.

    Args:
        field: of scenes.
        objects: in the field's world.
        counts: numbers of views. None: all.
        held_out: views of each object to judge by.
        fitting: how.

    Returns:
        For every object one result for every number of views, ascending.

    Raises:
        ConfigError: not a field of scenes.
        DataError: an object has too few views, or as `TargetViews`.
    """
    signal = signal_of_scenes(field)
    targets = [TargetViews(views, signal, field.device) for views in objects]
    jobs: list[tuple[TargetViews, Tensor, Tensor]] = []
    for target in targets:
        most = len(target) - held_out
        wanted = sorted(set(counts)) or [most]
        if held_out < 0 or not 1 <= wanted[0] <= wanted[-1] <= most:
            raise DataError(
                f"{target.name}: {len(target)} views, of which {held_out} are held out, cannot give "
                f"{wanted[-1]} to fit; pass other --views or --held-out"
            )
        rest, held = (torch.from_numpy(part) for part in split_views(len(target), held_out, target.name))
        for count in wanted:
            spread = ((torch.arange(count) + 0.5) * len(rest) / count).long()
            jobs.append((target, rest[spread], held))
    found: dict[int, list[StudyResult]] = {id(target): [] for target in targets}
    for target, views, held in track(jobs, "Fitting"):
        scene = find_scene(field, target, views, held, fitting)
        nearest = field.latents[nearest_training_scene(field, target, views)]
        shown = target.rendered(field.instance(nearest), held if len(held) else views).cpu()
        found[id(target)].append(StudyResult(len(views), scene, shown))
    return list(found.values())


def scene_name(folder: Path, views: PosedViews, name: str | None, replace: bool) -> str:
    """What to call an object in the field's `folder`: `name`, or one made of its own.

    Raises:
        ConfigError: taken, or no name for a file.
    """
    made = re.sub(r"[^A-Za-z0-9_.-]+", "-", views.name).strip(".-") or "object"
    return checked_name(folder, name or made, replace)


def fit_objects(
    field: GenerativeField,
    folder: Path,
    objects: Sequence[PosedViews],
    counts: Sequence[int],
    held_out: int,
    fitting: SceneFitConfig,
    name: str | None,
    replace: bool,
    sheet: Path,
) -> None:
    """Fit objects, print a table of means by number of views, draw a sheet, and add what most views gave to the run.

    Args:
        field: of scenes.
        folder: of the field.
        objects: in the field's world.
        counts: numbers of views to fit. None: all that are not held out.
        held_out: views of each object to judge by.
        fitting: how.
        name: of the object, where there is one. None: its own.
        replace: scenes fitted before under the same name.
        sheet: picture to write: for every object a view, what each number of views makes of it, and what the nearest
            training scene shows.

    Raises:
        ConfigError: not a field of scenes, a name for several objects, or names that are taken or bad.
        DataError: as `study_objects`.
        OutputError: the folder cannot be written to.
    """
    if name is not None and len(objects) > 1:
        raise ConfigError(f"one name, {name}, for {len(objects)} objects; leave --name out, or fit one at a time")
    names = [scene_name(folder, views, name, replace) for views in objects]
    if len(set(names)) < len(names):
        raise ConfigError(f"two of the objects are called {max(names, key=names.count)}; fit one at a time with --name")
    results = study_objects(field, objects, counts, held_out, fitting)
    Console().print(_table(results, held_out))
    rows = [[each[0].scene.views[0], *(one.scene.made[0] for one in each), each[-1].nearest[0]] for each in results]
    print(f"views, fits and nearest training scenes on {save_png(_sheet(rows), sheet)}", flush=True)
    for called, each in zip(names, results, strict=True):
        best = each[-1].scene
        own = (best.networks.weights, best.networks.biases) if fitting.weight_steps else ((), ())
        path = save_scene(folder, SavedScene(called, best.latent, *own), field.latents, replace)
        print(f"added {called} from {each[-1].views} views: {path}", flush=True)


def _table(results: Sequence[Sequence[StudyResult]], held_out: int) -> Table:
    what = f"{held_out} held-out views" if held_out else "the fitted views"
    table = Table(title=f"{len(results)} unseen objects, mean PSNR over {what}, dB")
    for column in ("views", "fitted", "nearest training scene", "gain"):
        table.add_column(column, justify="right")
    for each in zip(*results, strict=False):
        psnr = sum(one.scene.psnr for one in each) / len(each)
        nearest = sum(one.nearest_psnr for one in each) / len(each)
        table.add_row(str(each[0].views), f"{psnr:.2f}", f"{nearest:.2f}", f"{psnr - nearest:+.2f}")
    return table


def _sheet(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    return arrange([picture for row in rows for picture in row], len(rows[0]))
