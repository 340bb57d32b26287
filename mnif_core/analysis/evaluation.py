"""The paper's row of figures for a trained field: reconstruction, generation, memorisation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from mnif_core.errors import DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.metrics.extractors import Extractor
from mnif_core.metrics.fidelity import frechet_distance, kernel_distance, manifold
from mnif_core.metrics.novelty import nearest, sample_novelty
from mnif_core.metrics.shapes import POINTS, ShapeScores, shape_scores
from mnif_core.reconstruction import grid_iou, scores
from mnif_core.sheets import arrange, beside, save_png, tiles
from mnif_core.signals.images import ImageObservations
from mnif_core.signals.observations import Observations
from mnif_core.signals.voxels import VoxelObservations, grid_mesh

CHUNK = 64
CLOSEST = 16  # pairs of sample and training instance on the picture
REAL = "for comparison: real against real"
NOISE = "for comparison: latents of noise"
SPREAD = 20.0  # of such noise, in standard deviations of the training latents
Split = dict[str, Observations]


def splits(field: GenerativeField, data: Observations) -> Split:
    """`train`: the instances that the field was trained on, in the order of its latents; `test`: all others.

    Raises:
        DataError: the data do not hold the field's training instances.
    """
    position = {name: index for index, name in enumerate(data.names)}
    missing = [name for name in field.names if name not in position]
    if missing:
        raise DataError(
            f"data without {missing[0]} and {len(missing) - 1} more of the run's; pass the run's own --data"
        )
    known = set(field.names)
    rest = [index for index, name in enumerate(data.names) if name not in known]
    parts = {"train": data.subset([position[name] for name in field.names])}
    return parts | ({"test": data.subset(rest)} if rest else {})


def evaluate_images(
    field: GenerativeField, parts: Split, extractor: Extractor, count: int, seed: int
) -> dict[str, Any]:
    """Reconstruction of every split and generation against the training images.

    Args:
        field: of images, with a prior.
        parts: as `splits` gives them.
        extractor: of features.
        count: samples.
        seed: of the samples.
    """
    real = {name: _truth(observations) for name, observations in parts.items()}
    features = {name: extractor.features(pictures, f"{name} images") for name, pictures in real.items()}
    result: dict[str, Any] = {"extractor": extractor.name, "preprocessing": extractor.preprocessing}
    distance = extractor.frechet_name
    for name, observations in parts.items():
        made = _decoded(field, field.reconstruct(observations))
        psnr = scores(field, observations)
        similarity = structural_similarity_index_measure(
            made.permute(0, 3, 1, 2), real[name].permute(0, 3, 1, 2), data_range=1.0
        )
        ours = extractor.features(made, f"{name} reconstructions")
        result[f"reconstruction, {name}"] = {
            "instances": len(psnr),
            "MSE": float((made - real[name]).square().mean()),
            "PSNR": float(psnr.mean()),
            "SSIM": float(torch.as_tensor(similarity)),
            f"r{distance}": frechet_distance(features[name], ours),
            **_manifold("r", features[name], ours),
        }
    latents = field.sample_latents(count, seed)
    samples = _decoded(field, latents)
    drawn = extractor.features(samples, "samples")
    noise = extractor.features(_decoded(field, _noise_latents(field, count, seed)), "fields of noise latents")
    halves = features["train"][torch.randperm(len(features["train"]), generator=torch.Generator().manual_seed(seed))]
    middle = len(halves) // 2
    result["generation"] = {"samples": count, **_generation(distance, features["train"], drawn)}
    result[REAL] = _generation(distance, halves[:middle], halves[middle:])
    result[NOISE] = _generation(distance, features["train"], noise)
    result["memorisation"] = {
        **sample_novelty(latents, field.latents),
        **{f"{key}, features": value for key, value in sample_novelty(drawn, features["train"]).items()},
    }
    return result


def evaluate_voxels(field: GenerativeField, parts: Split, count: int, seed: int) -> dict[str, Any]:
    """Reconstruction of every split and generation against the test shapes (training shapes, if there are none)."""
    result: dict[str, Any] = {}
    for name, observations in parts.items():
        assert isinstance(observations, VoxelObservations)
        errors, latents = [], field.reconstruct(observations)
        for index in torch.arange(len(latents)).split(CHUNK):
            coordinates, targets = (part.to(field.device) for part in observations.observe(index))
            values = field.instance(latents[index])(coordinates).clamp(-1, 1)
            errors.append(((values - targets) * 0.5).square().mean((1, 2)))
        squared = torch.cat(errors)
        result[f"reconstruction, {name}"] = {
            "instances": len(squared),
            "MSE": float(squared.mean()),
            "PSNR": float((-10 * squared.clamp(min=1e-8).log10()).mean()),
            "IoU near surfaces": float(scores(field, observations).mean()),
            "IoU of grids": grid_iou(field, observations),
        }
    against = "test" if "test" in parts else "train"
    observations = parts[against]
    assert isinstance(observations, VoxelObservations)
    references = _reference_clouds(observations)
    if references is None:
        return result
    latents = field.sample_latents(count, seed)
    for name, drawn in (("generation", latents), (NOISE, _noise_latents(field, count, seed))):
        clouds = _clouds((field.decode(latent)[0].cpu().numpy() for latent in drawn), count, name)
        found: dict[str, Any] = {"against": f"{len(references)} {against} shapes", "empty samples": count - len(clouds)}
        result[name] = found | (_shape_figures(shape_scores(references, clouds)) if len(clouds) else {})
    if against == "test":
        known = parts["train"]
        assert isinstance(known, VoxelObservations)
        training = _reference_clouds(known.subset(range(min(count, len(known.names)))))
        assert training is not None
        result[REAL] = _shape_figures(shape_scores(references, training))
    result["memorisation"] = sample_novelty(latents, field.latents)
    return result


def closest_pairs(field: GenerativeField, count: int, seed: int, path: Path) -> Path:
    """Draw the samples that lie nearest to a training instance, each beside it, nearest first."""
    latents = field.sample_latents(count, seed)
    order = torch.cdist(latents, field.latents).min(1).values.argsort()[:CLOSEST]
    near = nearest(latents[order], field.latents)
    return save_png(arrange(beside(tiles(field, latents[order]), tiles(field, field.latents[near])), 8), path)


def _truth(observations: Observations) -> Tensor:
    assert isinstance(observations, ImageObservations)
    return observations.images.float().cpu() / 255.0


def _decoded(field: GenerativeField, latents: Tensor) -> Tensor:
    parts = [field.decode(chunk).cpu() for chunk in latents.split(CHUNK)]
    return torch.cat(parts)


def _noise_latents(field: GenerativeField, count: int, seed: int) -> Tensor:
    generator = torch.Generator(field.device).manual_seed(seed)
    spread = SPREAD * field.latents.std(0)
    noise = torch.randn(count, len(spread), generator=generator, device=field.device)
    return field.latents.mean(0) + spread * noise


def _manifold(prefix: str, real: Tensor, made: Tensor) -> dict[str, float]:
    found = manifold(real, made)
    return {f"{prefix}Precision": found.precision, f"{prefix}Recall": found.recall}


def _generation(distance: str, real: Tensor, made: Tensor) -> dict[str, float]:
    found, kernel = manifold(real, made), kernel_distance(real, made)
    return {
        distance: frechet_distance(real, made),
        "KID" if distance == "FID" else "kernel distance": kernel[0],
        "precision": found.precision,
        "recall": found.recall,
        "F1": found.f1,
        "density": found.density,
        "coverage": found.coverage,
    }


def _shape_figures(found: ShapeScores) -> dict[str, float]:
    return {
        "COV": found.coverage,
        "MMD": found.minimum_matching_distance,
        "1-NNA": found.nearest_neighbour_accuracy,
    }


def _reference_clouds(observations: VoxelObservations) -> Tensor | None:
    if observations.bits is None:
        return None
    whole = (observations.grids(torch.tensor([index])) for index in range(len(observations.names)))
    grids = (grid[0].float().numpy() for grid in whole if grid is not None)
    return _clouds(grids, len(observations.names), "reference surfaces")


def _clouds(grids: Iterable[NDArray[np.float32]], count: int, what: str) -> Tensor:
    """2,048 points on the surface of every solid that is not empty `[r, p, 3]`."""
    clouds = []
    for index, grid in enumerate(track(grids, f"Surfaces, {what}", total=count)):
        mesh = grid_mesh(grid)
        if len(mesh.faces):
            points = trimesh.sample.sample_surface(mesh, POINTS, seed=index)[0]
            clouds.append(torch.from_numpy(np.asarray(points, dtype=np.float32)))
    return torch.stack(clouds) if clouds else torch.zeros(0, POINTS, 3)
