"""Instances that a field has not seen: their latents, how well they are met, each beside its reconstruction.

Shape letters: n instances, h latent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.data.readers import read_observations
from mnif_core.errors import ConfigError
from mnif_core.generative_field import INSTANCES, GenerativeField
from mnif_core.sheets import beside, tiles
from mnif_core.signals.observations import Observations
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.unseen.scene_fitting import fit_scenes

PAIRS_PER_ROW = 8  # of an instance and its reconstruction on a sheet
HELD_OUT = 3  # views of a scene to judge its latent by
GRIDS = 8  # decoded at once: bounds memory


@dataclass(frozen=True)
class Reconstructed:
    """Instances and what was found of them.

    Attributes:
        pictures: of each instance and of its reconstruction in turn, `[height, width, 3]` in [0, 1].
        scores: of each reconstruction, higher is better.
        score_name: what the scores are.
        score_unit: behind a number, such as ` dB`; empty where there is none.
    """

    pictures: list[Tensor]
    scores: list[float]
    score_name: str
    score_unit: str

    @property
    def mean(self) -> str:
        """The mean score with its unit."""
        return f"{sum(self.scores) / len(self.scores):.3f}{self.score_unit}"


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
        overlaps.append(overlap(ours, theirs))
    return float(torch.cat(overlaps).mean())


def overlap(ours: Tensor, theirs: Tensor) -> Tensor:
    """Intersection over union of each pair of grids, bool `[s, e, e, e]`: `[s]`."""
    return (ours & theirs).sum((1, 2, 3)) / (ours | theirs).sum((1, 2, 3)).clamp(min=1)


def pairs(field: GenerativeField, observations: Observations, latents: Tensor | None = None) -> list[Tensor]:
    """Pictures of each instance and of its reconstruction, in turn; blank where shapes are known at points only."""
    made = tiles(field, field.reconstruct(observations) if latents is None else latents)
    real = observations.pictures(torch.arange(len(made)))
    return beside(torch.ones_like(made) if real is None else real, made)


def load_observations(field: GenerativeField, data: Path | None, skip_bad: bool) -> Observations:
    """Data of a field's own modality, at the field's resolution; the demo set for none.

    Raises:
        ConfigError: a field of scenes.
        DataError: as the readers of the modality.
    """
    return read_observations(field.signal, data, skip_bad)


def reconstruct(field: GenerativeField, data: Path | None, count: int, skip_bad: bool) -> Reconstructed:
    """At most `count` instances of `data`, each beside its reconstruction.

    Scenes are fitted to all of their views but three, which are what is shown and scored.

    Raises:
        ConfigError: a field of scenes, and no data.
        DataError: as the readers of the modality.
    """
    find = RECONSTRUCTIONS.get(field.signal.kind, _by_points)
    return find(field, data, count, skip_bad)


def _by_points(field: GenerativeField, data: Path | None, count: int, skip_bad: bool) -> Reconstructed:
    observations = load_observations(field, data, skip_bad)
    observations = observations.subset(range(min(count, len(observations.names))))
    return _scored(field, pairs(field, observations), scores(field, observations).tolist())


def _by_views(field: GenerativeField, data: Path | None, count: int, skip_bad: bool) -> Reconstructed:
    if data is None:
        raise ConfigError("there are no unseen demo scenes; pass --data a folder in SRN layout")
    scenes = fit_scenes(field, data, count, held_out=HELD_OUT)
    pictures = [picture for scene in scenes for picture in (scene.views[0], scene.made[0])]
    return _scored(field, pictures, [scene.psnr for scene in scenes])


def _scored(field: GenerativeField, pictures: list[Tensor], reached: list[float]) -> Reconstructed:
    return Reconstructed(pictures, reached, field.signal.score_name, field.signal.score_unit)


RECONSTRUCTIONS: dict[str, Callable[[GenerativeField, Path | None, int, bool], Reconstructed]] = {"scene": _by_views}
"""Kind of signal -> how its instances are found; those of all others by values at points."""
WHOLE_SCORES: dict[str, dict[str, Callable[..., float | None]]] = {"voxel": {"grid_iou": grid_iou}}
"""Kind of signal -> further scores of `(field, observations)`, that take more than values at points."""
