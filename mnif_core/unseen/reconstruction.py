"""Instances that a field has not seen: their latents, how well they are met, each beside its reconstruction."""

from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.data.image_files import load_images
from mnif_core.data.voxel_files import load_voxels
from mnif_core.errors import ConfigError
from mnif_core.generative_field import INSTANCES, GenerativeField
from mnif_core.sheets import arrange, beside, save_png, tiles, true_tiles
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.observations import Observations
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.unseen.scene_fitting import fit_scenes

PAIRS_PER_ROW = 8  # of an instance and its reconstruction on a sheet
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
    real = true_tiles(observations, torch.arange(len(made)))
    return beside(torch.ones_like(made) if real is None else real, made)


def load_observations(field: GenerativeField, data: Path | None, skip_bad: bool) -> Observations:
    """Data of a field's own modality, at the field's resolution; the demo set for none.

    Raises:
        ConfigError: a field of scenes.
        DataError: as the readers of the modality.
    """
    if isinstance(field.signal, SceneSignal):
        raise ConfigError("scenes are known by posed views, not by values at points; use ns-eval")
    if isinstance(field.signal, ImageSignal):
        return load_images(data, field.signal.height, skip_bad, field.signal.background)
    return load_voxels(data, field.signal.resolution, skip_bad, field.signal.fill)


def reconstruct(field: GenerativeField, data: Path | None, count: int, skip_bad: bool, output: Path) -> None:
    """Write a sheet of at most `count` instances of `data`, each beside its reconstruction; print score and place.

    Scenes are fitted to all of their views but three, which are what is shown and scored.

    Raises:
        ConfigError: a field of scenes, and no data.
        DataError: as the readers of the modality.
    """
    if isinstance(field.signal, SceneSignal):
        if data is None:
            raise ConfigError("there are no unseen demo scenes; pass --data a folder in SRN layout")
        scenes = fit_scenes(field, data, count, held_out=HELD_OUT)
        pictures = [picture for scene in scenes for picture in (scene.views[0], scene.made[0])]
        reached, name, unit = [scene.psnr for scene in scenes], "PSNR", " dB"
    else:
        observations = load_observations(field, data, skip_bad)
        observations = observations.subset(range(min(count, len(observations.names))))
        pictures, reached = pairs(field, observations), scores(field, observations).tolist()
        name, unit = observations.signal.score_name, observations.signal.score_unit
    sheet = save_png(arrange(pictures, 2 * PAIRS_PER_ROW), output)
    mean = f"{sum(reached) / len(reached):.3f}{unit}"
    print(f"{name} of {len(reached)} instances {mean} | {sheet}", flush=True)
