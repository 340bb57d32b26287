"""Objects that training has not seen, from pictures with cameras and without: `python -m tests.benchmarks.unposed`.

Prints JSON: how far found cameras are turned from the true ones, and PSNR on other views, beside the fit with the true
camera and the training scene that is nearest by the picture.
"""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor
from tyro.conf import Positional

from mnif_core.commands.field import load_field
from mnif_core.data.instances import read_instance
from mnif_core.data.posed_views import read_posed_views
from mnif_core.data.scene_folders import list_instances
from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.cameras import Axis
from mnif_core.rendering.poses import rotation_distance, turn_about
from mnif_core.unseen.pose_bank import PoseBank
from mnif_core.unseen.scene_fitting import SceneFitConfig, find_scene, nearest_training_scene, signal_of_scenes
from mnif_core.unseen.target_views import TargetViews, mean_psnr
from mnif_core.unseen.unposed import cut_outs, find_cameras

JUDGED = 6  # other views of an object
NEAR, FAR = 15.0, 30.0  # degrees
FLIP = turn_about(torch.tensor([0.0, 0.0, math.pi]))  # front for back


@dataclass
class Unposed:
    """Which objects, and how."""

    run: Positional[Path]
    """A run's folder, of scenes."""
    data: Positional[Path]
    """Scenes with cameras, which judge; those that the run was trained on are left out."""
    count: int = 8
    """Objects, evenly spread."""
    pictures: int = 1
    """Pictures of each object, fitted together."""
    weight_steps: int = 300
    """Of the object's own network."""
    draws: int = SceneFitConfig.draws
    """Of the prior, guided by the pictures; 0 for the fit without."""
    symmetric: Axis | None = None
    """Axis across which the objects are their own mirror images."""
    search: bool = True
    """Also without cameras."""
    seed: int = 0
    """Of which pictures."""
    threads: int = 1
    """Of a CPU."""


def judged(field: GenerativeField, folder: Path, bank: PoseBank | None, settings: Unposed) -> dict[str, Any]:
    """Figures of one object."""
    signal, instance = signal_of_scenes(field), read_instance(folder)
    target = TargetViews(read_posed_views(folder, signal.reading), signal, field.device)
    rng = np.random.default_rng([settings.seed, sum(map(ord, folder.name))])
    chosen = rng.permutation(len(target))[: settings.pictures]
    rest = np.setdiff1d(np.arange(len(target)), chosen)
    others = torch.from_numpy(rest[np.linspace(0, len(rest) - 1, JUDGED).round().astype(int)])
    views = torch.from_numpy(chosen)
    fitting = SceneFitConfig(weight_steps=settings.weight_steps, draws=settings.draws, symmetric=settings.symmetric)
    known = find_scene(field, target, views, others, fitting)
    nearest = field.latents[nearest_training_scene(field, target, views)]
    truth = target.truth(others).cpu()
    found = {
        "name": folder.name,
        "pictures": chosen.tolist(),
        "psnr_true_camera": known.psnr,
        "psnr_nearest": mean_psnr(target.rendered(field.instance(nearest), others).cpu(), truth),
    }
    if bank is None:
        return found
    cut = cut_outs(field, [instance.image_filenames[view] for view in chosen])
    cameras = find_cameras(field, bank, cut, folder.name)
    own = TargetViews(cameras.views, signal, field.device)
    every = torch.arange(len(chosen))
    fit = find_scene(field, own, every, every, fitting)
    made = target.rendered(fit.networks, others).cpu()
    rotations = torch.from_numpy(cameras.views.camera_to_worlds[:, :, :3])
    true = torch.from_numpy(instance.camera_to_worlds[chosen, :, :3])
    return found | {
        "psnr_found_camera": mean_psnr(made, truth),
        "degrees": degrees(rotations, true),
        "degrees_flipped": degrees(rotations, FLIP @ true),
    }


def degrees(one: Tensor, other: Tensor) -> list[float]:
    """Between rotations `[v, 3, 3]`."""
    return [math.degrees(angle) for angle in rotation_distance(one, other).tolist()]


def summary(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and shares over objects."""
    figures: dict[str, Any] = {"objects": len(objects)}
    for key in ("psnr_true_camera", "psnr_found_camera", "psnr_nearest"):
        if key in objects[0]:
            figures[key] = round(float(np.mean([each[key] for each in objects])), 2)
    if "degrees" in objects[0]:
        apart, flipped = (np.concatenate([each[key] for each in objects]) for key in ("degrees", "degrees_flipped"))
        figures |= {
            "median_degrees": round(float(np.median(apart)), 2),
            "share_under_15": round(float(np.mean(apart < NEAR)), 3),
            "share_under_30": round(float(np.mean(apart < FAR)), 3),
            "share_flipped": round(float(np.mean((flipped < FAR) & (apart >= FAR))), 3),
        }
    return figures


def main(settings: Unposed) -> None:
    """Judge, and print."""
    torch.set_num_threads(settings.threads)
    field = load_field(settings.run, "cpu")
    unseen = [path for path in list_instances(settings.data, None, "test") if path.name not in field.names]
    places = np.linspace(0, len(unseen) - 1, min(settings.count, len(unseen))).round().astype(int)
    bank = PoseBank(field) if settings.search else None
    objects = []
    for place in places:
        objects.append(judged(field, unseen[place], bank, settings))
        print(json.dumps(objects[-1]), file=sys.stderr, flush=True)  # a run that is stopped has said something
    print(json.dumps({"summary": summary(objects), "objects": objects}, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Unposed, description=__doc__))
