"""Instances that a field has not seen: their latents, how well they are met, each beside its reconstruction."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.data.readers import read_observations
from mnif_core.errors import ConfigError
from mnif_core.generative_field import INSTANCES, GenerativeField
from mnif_core.sheets import arrange, beside, save_png, tiles
from mnif_core.signals.observations import Observations
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.unseen.scene_fitting import fit_scenes

PAIRS_PER_ROW = 8
HELD_OUT = 3  # views of a scene to judge its latent by
GRIDS = 8  # decoded at once: bounds memory


@torch.no_grad()
def scores(field: GenerativeField, observations: Observations, latents: Tensor | None = None) -> Tensor:
    """The signal's score of each instance `[n]`, for given `latents` `[n, h]`, or those found from all its points."""
    parts = []
    latents = field.reconstruct(observations) if latents is None else latents
    for index in torch.arange(len(latents)).split(INSTANCES):
        coordinates, targets = (part.to(field.device) for part in observations.observe(index))
        parts.append(observations.signal.score(field.instance(latents[index])(coordinates), targets))
    return torch.cat(parts)


@torch.no_grad()
def grid_iou(field: GenerativeField, observations: VoxelObservations, latents: Tensor | None = None) -> float | None:
    """Mean intersection over union of whole grids at the data's resolution; none where the data has points only.

    For given `latents` `[n, h]`, or those found from all points.
    """
    overlaps = []
    latents = field.reconstruct(observations) if latents is None else latents
    blocks = torch.arange(len(latents)).split(GRIDS)
    for index in track(blocks, "Whole grids", total=len(blocks), transient=True):
        theirs = observations.grids(index)
        if theirs is None:
            return None
        ours = field.decode(latents[index]).cpu() > 0.5
        overlaps.append((ours & theirs).sum((1, 2, 3)) / (ours | theirs).sum((1, 2, 3)).clamp(min=1))
    return float(torch.cat(overlaps).mean())


def pairs(field: GenerativeField, observations: Observations) -> list[Tensor]:
    """Pictures of each instance and of its reconstruction, in turn; blank where shapes are known at points only."""
    made = tiles(field, field.reconstruct(observations))
    real = observations.pictures(torch.arange(len(made)))
    return beside(torch.ones_like(made) if real is None else real, made)


def load_observations(field: GenerativeField, data: Path | None, skip_bad: bool) -> Observations:
    """Data of a field's own modality, at the field's resolution; the demo set for none.

    Raises:
        ConfigError: a field of scenes.
        DataError: as the readers of the modality.
    """
    return read_observations(field.signal, data, skip_bad)


class Reconstructed(NamedTuple):
    """Unseen instances and what a field makes of them."""

    pictures: list[Tensor]
    """Of each instance and of its reconstruction, in turn: `[height, width, 3]` in [0, 1]."""
    scores: list[float]
    """The signal's, of each."""


def reconstruct(field: GenerativeField, data: Path | None, count: int, skip_bad: bool, output: Path) -> None:
    """Write a sheet of at most `count` instances of `data`, each beside its reconstruction; print score and place.

    Scenes are fitted to all of their views but three, which are what is shown and scored.

    Raises:
        ConfigError: a field of scenes, and no data.
        DataError: as the readers of the modality.
    """
    signal = field.signal
    pictures, reached = RECONSTRUCTIONS.get(signal.kind, _by_points)(field, data, count, skip_bad)
    sheet = save_png(arrange(pictures, 2 * PAIRS_PER_ROW), output)
    mean = f"{sum(reached) / len(reached):.3f}{signal.score_unit}"
    print(f"{signal.score_name} of {len(reached)} instances {mean} | {sheet}", flush=True)


def _by_points(field: GenerativeField, data: Path | None, count: int, skip_bad: bool) -> Reconstructed:
    observations = load_observations(field, data, skip_bad)
    observations = observations.subset(range(min(count, len(observations.names))))
    return Reconstructed(pairs(field, observations), scores(field, observations).tolist())


def _by_views(field: GenerativeField, data: Path | None, count: int, skip_bad: bool) -> Reconstructed:
    if data is None:
        raise ConfigError("there are no unseen demo scenes; pass --data a folder in SRN layout")
    scenes = fit_scenes(field, data, count, held_out=HELD_OUT)
    pictures = [picture for scene in scenes for picture in (scene.views[0], scene.made[0])]
    return Reconstructed(pictures, [scene.psnr for scene in scenes])


RECONSTRUCTIONS: dict[str, Callable[[GenerativeField, Path | None, int, bool], Reconstructed]] = {"scene": _by_views}
"""Kind of signal -> how its instances are found; those of all others by values at points."""
WHOLE_SCORES: dict[str, dict[str, Callable[..., float | None]]] = {"voxel": {"grid_iou": grid_iou}}
"""Kind of signal -> further scores of `(field, observations)`, that take more than values at points."""
