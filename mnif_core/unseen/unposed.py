"""Cameras of pictures that came without: searched among renderings, then refined together with the object's latent.

Shape letters: g guesses, v views of one object, h latent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from mnif_core.data.cut_out import CutOut, cut_out
from mnif_core.data.posed_views import PosedViews
from mnif_core.errors import DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.poses import rotation_distance
from mnif_core.sheets import arrange, label
from mnif_core.spread import spread_indices
from mnif_core.unseen.pose_bank import PoseBank
from mnif_core.unseen.pose_refinement import Guesses, Refinement, RefinementConfig, lens_of
from mnif_core.unseen.scene_fitting import signal_of_scenes

SHOWN = 4  # guesses of a picture on a sheet
SAME = 6.0  # degrees, up to which cameras are the same
TEXT = 0.35  # of a picture's height, under it
SHARED = 2  # guesses of each picture whose latents are tried on all pictures of an object


@dataclass(frozen=True)
class CameraSearch:
    """How cameras are searched."""

    hypotheses: int = 6
    """Of each picture, that are refined."""
    apart: float = 20.0
    """Degrees between any two of them."""
    framing: float = 0.003
    """Weight of being framed otherwise than the training views, among the small renderings."""
    steps: tuple[int, ...] = (30, 50, 120)
    """Of refinement; after each number the worse half is left, two at least stay."""
    refinement: RefinementConfig = RefinementConfig()
    """How they are refined."""


@dataclass(frozen=True)
class FoundCameras:
    """An object's pictures with the cameras that were found.

    Attributes:
        views: in the field's world.
        latent: `[h]`, of the object, as refined with the cameras.
        guesses: of each picture alone, likeliest first.
    """

    views: PosedViews
    latent: Tensor
    guesses: list[Guesses]


def find_cameras(
    field: GenerativeField,
    bank: PoseBank,
    pictures: Sequence[CutOut],
    name: str,
    search: CameraSearch = CameraSearch(),
) -> FoundCameras:
    """Find the cameras of one object's pictures, all of the side of the field's views.

    Args:
        field: of scenes.
        bank: its renderings.
        pictures: of one object, cut out over the field's background.
        name: of the object.
        search: how.
    """
    seen = torch.stack([_unit(cut.picture) for cut in pictures]).to(field.device)
    nominals = torch.stack([nominal_camera(field, cut) for cut in pictures]).to(field.device)
    alone, starts = [], []
    for view in track(range(len(pictures)), f"Finding cameras of {name}", transient=True):
        share = torch.from_numpy(pictures[view].share).to(field.device)
        radians = math.radians(search.apart)
        found = bank.hypotheses(seen[view], share, nominals[view], search.hypotheses, radians, search.framing)
        start = Guesses(
            latents=torch.stack([one.latent for one in found]),
            rotations=torch.stack([one.rotation for one in found]).unsqueeze(1),
            distances=seen.new_tensor([[one.distance] for one in found]),
            intrinsics=torch.stack([one.intrinsics for one in found]).unsqueeze(1),
            errors=seen.new_tensor([one.error for one in found]),
        )
        one = slice(view, view + 1)
        refinement = Refinement(field, seen[one], nominals[one], search.refinement)
        alone.append(refined(refinement, start, search.steps))
        starts.append(refinement)
    best = alone[0] if len(pictures) == 1 else _together(field, seen, nominals, alone, starts, search)
    views = PosedViews(
        name,
        np.stack([cut.picture for cut in pictures]),
        best.cameras[0].cpu().numpy().astype(np.float32),
        lens_of(best.intrinsics[0]).cpu().numpy().astype(np.float32),
    )
    return FoundCameras(views, best.latents[0], alone)


def cut_outs(field: GenerativeField, pictures: Sequence[Path], most: int | None = None) -> list[CutOut]:
    """Objects of pictures, or of `most` of them, evenly spread, as the field's views would show them.

    Raises:
        ConfigError: not a field of scenes.
        DataError: fewer pictures than asked for, or as `cut_out`.
    """
    signal = signal_of_scenes(field)
    if most is not None and not 1 <= most <= len(pictures):
        raise DataError(f"{pictures[0].parent}: {len(pictures)} pictures cannot give {most}; pass other --views")
    chosen = spread_indices(len(pictures), most or len(pictures)).tolist()
    return [cut_out(pictures[number], signal.height, signal.background) for number in chosen]


def nominal_camera(field: GenerativeField, cut: CutOut) -> Tensor:
    """Focal length and optical axis (x, y) `[3]` in a cut-out's pixels, if its file is framed as training views are."""
    signal = signal_of_scenes(field)
    width, height = cut.size
    focal = signal.focal / signal.height * height
    return torch.tensor([focal, width / 2 - cut.corner[0], height / 2 - cut.corner[1]]) * cut.scale


def refined(refinement: Refinement, start: Guesses, steps: Sequence[int]) -> Guesses:
    """Guesses after all steps, best first; those that were left on the way behind, as they were then.

    Of guesses that come to the same cameras the best goes on.
    """
    left: list[Guesses] = []
    alive = start
    for number, count in enumerate(steps):
        if number:
            most = max(2, (len(alive.errors) + 1) // 2)
            left.insert(0, alive[slice(most, None)])
            alive = alive[slice(0, most)]
        moved = refinement.moved(alive, count)
        alive = _distinct(moved[moved.errors.argsort()])
    return Guesses.joined([alive, *left])


def _distinct(guesses: Guesses) -> Guesses:
    """Those, in order, that are not as an earlier one."""
    kept: list[int] = []
    for number, rotations in enumerate(guesses.rotations):
        apart = rotation_distance(rotations, guesses.rotations[kept]).amax(-1)  # of the views, at most
        if bool((apart > math.radians(SAME)).all()):
            kept.append(number)
    return guesses[torch.tensor(kept)]


def _together(
    field: GenerativeField,
    pictures: Tensor,
    nominals: Tensor,
    alone: list[Guesses],
    refinements: list[Refinement],
    search: CameraSearch,
) -> Guesses:
    """Guesses of all pictures by one latent: the best latents of each, with the cameras that suit them best."""
    latents = torch.cat([guesses.latents[:SHARED] for guesses in alone])
    chosen = []
    for guesses, refinement in zip(alone, refinements, strict=True):
        count, cameras = len(latents), len(guesses.errors)
        pairs = guesses[torch.arange(cameras).repeat(count)]
        pairs = replace(pairs, latents=latents.repeat_interleave(cameras, 0))
        errors = refinement.moved(pairs, 0).errors.view(count, cameras)
        chosen.append(guesses[errors.argmin(1)])
    start = Guesses(
        latents,
        torch.cat([each.rotations for each in chosen], 1),
        torch.cat([each.distances for each in chosen], 1),
        torch.cat([each.intrinsics for each in chosen], 1),
        chosen[0].errors,
    )
    return refined(Refinement(field, pictures, nominals, search.refinement), start, search.steps)


def guess_sheet(field: GenerativeField, objects: Sequence[FoundCameras]) -> Tensor:
    """For every picture a row: it, and its likeliest guesses as the field shows them, over their errors.

    `[height, width, 3]` in [0, 1].
    """
    signal, rows = signal_of_scenes(field), []
    pairs = [pair for one in objects for pair in zip(one.views.pictures, one.guesses, strict=True)]
    for pixels, guesses in pairs:
        picture = _unit(pixels)
        shown, texts = [picture], ["picture"]
        for number in range(min(SHOWN, len(guesses.errors))):
            networks, camera = field.instance(guesses.latents[number]), guesses.cameras[number, 0]
            made = signal.render_view(networks, camera, lens_of(guesses.intrinsics[number, 0]), *picture.shape[:2])
            shown.append(made.color[0].cpu())
            texts.append(f"guess {number + 1}\nerror {float(guesses.errors[number]):.4f}")
        blank = [torch.ones_like(picture)] * (SHOWN + 1 - len(shown))
        tiles, labels = arrange(shown + blank, SHOWN + 1), [label(text, picture) for text in texts]
        text = arrange(labels + [torch.ones_like(labels[0])] * len(blank), SHOWN + 1)
        rows += [tiles, text[: round(TEXT * len(text))]]
    return torch.cat(rows)


def _unit(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).float() / 255.0
