"""The paper's row of figures for a trained field of any modality: reconstruction, generation, memorisation.

Decoded instances are never held, only what is computed from them. What is evaluated on training data says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from mnif_core.errors import ConfigError
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.metrics.fidelity import frechet_distance, manifold
from mnif_core.evaluation.metrics.kernel_distance import FEWEST, kernel_distance
from mnif_core.evaluation.results import Figures, Results, digest
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.novelty import distances, nearest, sample_novelty
from mnif_core.sheets import arrange, beside, save_png, tiles
from mnif_core.spread import spread_indices

CHUNK = 64  # instances decoded at once: bounds memory
DRAWN = 4096  # latents drawn at once: bounds memory
NEIGHBOURS = 3  # k of precision, recall, density and coverage
SEED_STEP = 1_000_003  # between the seeds of what is drawn at once; torch's generators heed 32 bits
FEW = 64  # samples to draw at least: fewer say little, however few instances there are to compare with
CLOSEST = 16  # pairs of sample and training instance on a picture
REAL = "yardstick, real against real"
RECONSTRUCTIONS = "yardstick, reconstructions against real"
SAMPLES = "yardstick, samples against real"
NOISE = "yardstick, noise against real"


class Subject(Protocol):
    """A field with its data, of one modality."""

    field: GenerativeField
    splits: list[str]
    """Whose reconstruction to judge."""
    samples: int
    """How many to draw by default."""

    def data(self) -> Iterable[Tensor | str | Path]:
        """All data that figures follow from, to tell whether they have changed."""
        ...

    def reconstruction(self, split: str) -> dict[str, Any]:
        """How well instances of a split are met."""
        ...

    def generation(self, latents: Tensor) -> Figures:
        """How samples `[s, h]` compare with the data, and the same figures for real data and for noise."""
        ...

    def labelled(self, config: EvaluationConfig) -> Figures:
        """What samples show that are asked for by label; empty where the data or the field know none."""
        ...

    def memorisation(self, latents: Tensor, folder: Path) -> dict[str, Any]:
        """How near samples `[s, h]` lie to training instances; see `memorisation`."""
        ...


class Evaluation(NamedTuple):
    """All figures of a field, and how they were come by."""

    figures: Figures
    unchanged: list[str]
    """Parts that were taken from the folder."""
    has_samples: bool
    """Whether there is anything to draw samples by."""
    pictures: list[Path]
    """Of the closest pairs."""


def evaluate(subject: Subject, extractor: Extractor, config: EvaluationConfig, folder: Path) -> Evaluation:
    """All figures of a field; `evaluation.json` and pictures of the closest pairs are written into `folder`.

    Args:
        subject: of any modality.
        extractor: that the subject uses.
        config: what to draw.
        folder: figures that it holds of the same weights, data and settings are taken from there.

    Raises:
        ConfigError: fewer than 4 samples.
    """
    field = subject.field
    count = subject.samples if config.samples is None else config.samples
    if count < 4:
        raise ConfigError(f"{count} samples say nothing about a distribution; draw 4 or more by --samples")
    results = Results(folder / "evaluation.json", digest(field, subject.data()))
    features = {"extractor": extractor.name, "preprocessing": extractor.preprocessing}
    shown = features | {"views": config.views, "unseen_scenes": config.unseen_scenes}
    for split in subject.splits:
        name = f"reconstruction, {split}"
        results.part(name, shown, lambda name=name, split=split: {name: subject.reconstruction(split)})  # type: ignore[misc]
    if field.prior is None and config.sampler != "neighbours":
        return Evaluation(results.figures, results.unchanged, False, [])
    drawn = {"samples": count, "seed": config.seed, "sampler": config.sampler, "steps": config.steps}
    latents, pictures = draw(field, count, config), [folder / name for name in CLOSEST_PICTURES]
    results.part("generation", features | drawn | {"views": config.views}, lambda: subject.generation(latents))
    if field.classes:
        asked = {"guidance": config.guidance, "labels": field.classes}
        results.part("labels", features | drawn | asked, lambda: subject.labelled(config))
    results.part(
        "memorisation",
        features | drawn,
        lambda: {"memorisation": subject.memorisation(latents, folder)},
        pictures,
    )
    return Evaluation(results.figures, results.unchanged, True, pictures)


def draw(field: GenerativeField, count: int, config: EvaluationConfig) -> Tensor:
    """Sampled latents `[count, h]`, the first of them those of `GenerativeField.sample_latents`."""
    starts = range(0, count, DRAWN)
    sizes = [min(DRAWN, count - start) for start in starts]
    parts = [
        field.sample_latents(size, config.seed + SEED_STEP * number, config.sampler, config.steps)
        for number, size in enumerate(sizes)
    ]
    return torch.cat(parts)


def noise_pictures(count: int, height: int, width: int) -> Iterator[Tensor]:
    """Pictures of noise `[s, height, width, 3]`, `count` in all."""
    generator = torch.Generator().manual_seed(0)
    for chunk in torch.arange(count).split(CHUNK):
        yield torch.rand(len(chunk), height, width, 3, generator=generator)


def structural_similarity(made: Tensor, real: Tensor) -> Tensor:
    """SSIM of each pair of pictures `[n, height, width, k]` in [0, 1]: `[n]`."""
    pair = (made.permute(0, 3, 1, 2), real.permute(0, 3, 1, 2))
    found = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none")
    return torch.atleast_1d(torch.as_tensor(found))


def reconstruction_fidelity(extractor: Extractor, real: Tensor, made: Tensor) -> dict[str, float]:
    """rFID, rKID, rPrecision and rRecall of features `[n, f]`; they need more than 3 instances."""
    if len(real) <= NEIGHBOURS:
        return {}
    found = manifold(real, made, NEIGHBOURS)
    return {
        **{f"r{name}": value for name, value in picture_distances(extractor, real, made).items()},
        "rPrecision": found.precision,
        "rRecall": found.recall,
    }


def generation_fidelity(extractor: Extractor, real: Tensor, made: Tensor) -> dict[str, float]:
    """FID, KID, precision, recall, F1, density and coverage of features `[n, f]` and `[s, f]`, n and s above 3."""
    if min(len(real), len(made)) <= NEIGHBOURS:
        return {}
    found = manifold(real, made, NEIGHBOURS)
    return {
        **picture_distances(extractor, real, made),
        "precision": found.precision,
        "recall": found.recall,
        "F1": found.f1,
        "density": found.density,
        "coverage": found.coverage,
    }


def picture_distances(extractor: Extractor, real: Tensor, made: Tensor) -> dict[str, float]:
    """FID, and KID with its standard error, called so only for features of the network that FID is defined with."""
    found = kernel_distance(real, made)
    kernel = "KID" if extractor.is_inception else f"kernel distance ({extractor.name})"
    return {
        extractor.frechet_name: frechet_distance(real, made),
        kernel: found.value,
        f"{kernel}, standard error": found.standard_error,
    }


def yardstick(extractor: Extractor, real: Tensor, others: Mapping[str, Tensor]) -> Figures:
    """Distances from `real` features `[n, f]` to those of other sets, all of one number: the smallest set's.

    Distances depend on numbers: only here do they say how far samples are from what cannot be bettered.

    Args:
        extractor: of the features.
        real: features that none of the others has in it.
        others: group of figures -> features: of other real pictures, of reconstructions, of samples, of noise.
    """
    count = min(len(real), *map(len, others.values()))
    if count < FEWEST:
        return {}
    return {
        name: {"each": count, **picture_distances(extractor, some(real, count), some(features, count))}
        for name, features in others.items()
    }


def some(features: Tensor, count: int) -> Tensor:
    """`count` rows of `[n, f]`, evenly spread, so that none of the kinds that data are sorted by is left out."""
    return features[spread_indices(len(features), count).to(features.device)]


CLOSEST_PICTURES = ("closest-in-latents.png", "closest-in-features.png")


def memorisation(
    field: GenerativeField,
    samples: Tensor,
    features: tuple[Tensor, Tensor],
    training_pictures: Callable[[Tensor], Tensor],
    folder: Path,
) -> dict[str, Any]:
    """Nearest training neighbours of samples in latent and in feature space, and pictures of the closest pairs.

    Args:
        field: of any modality.
        samples: latents `[s, h]`.
        features: of the samples' pictures `[s, f]` and of the training instances' `[n, f]`.
        training_pictures: pictures of training instances, by their numbers.
        folder: where the pictures go: the samples nearest to a training instance, each beside it, nearest first.
    """
    found: dict[str, Any] = {"samples": len(samples), "training instances": len(field.latents)}
    spaces = {"latents": (samples, field.latents), "features": features}
    for (space, (ours, theirs)), name in zip(spaces.items(), CLOSEST_PICTURES, strict=True):
        found |= {f"{key}, {space}": value for key, value in sample_novelty(ours, theirs).items()}
        order = distances(ours, theirs).argsort()[:CLOSEST].cpu()
        near = nearest(ours[order.to(ours.device)], theirs).cpu()
        pairs = beside(tiles(field, samples[order.to(samples.device)]), training_pictures(near))
        save_png(arrange(pairs, 8), folder / name)
    return found
