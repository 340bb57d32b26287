"""Figures of a field of any kind that is known by values at points, by the pictures of its instances."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.errors import DataError
from mnif_core.evaluation.evaluation import (
    CHUNK,
    FEW,
    NOISE,
    REAL,
    RECONSTRUCTIONS,
    SAMPLES,
    generation_fidelity,
    memorisation,
    noise_pictures,
    reconstruction_fidelity,
    structural_similarity,
    yardstick,
)
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.results import Figures
from mnif_core.evaluation.splits import Split
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import tiles
from mnif_core.signals.observations import Observations
from mnif_core.unseen.reconstruction import scores


class PictureSubject:
    """A field with its data, compared by the signal's own score and by pictures.

    Samples are compared with the training instances, as in the paper.

    Args:
        field: known by values at points.
        parts: as `splits` gives them.
        extractor: of features.
    """

    def __init__(self, field: GenerativeField, parts: Split, extractor: Extractor) -> None:
        self.field, self.parts, self.extractor = field, parts, extractor
        self.splits = list(parts)
        self.samples = max(FEW, len(parts["train"].names))
        self._plural = f"{field.signal.noun}s"
        self.latents = cache(self._compute_latents)
        self.real_features = cache(self._compute_real_features)
        self.reconstructed = cache(self._compute_reconstructed)
        self.sample_features = cache(self._compute_sample_features)

    def data(self) -> Iterator[Tensor | str]:
        """See `Subject.data`."""
        return observed(self.parts)

    def reconstruction(self, split: str) -> dict[str, Any]:
        """See `Subject.reconstruction`."""
        reached = scores(self.field, self.parts[split], self.latents(split))
        features, similarity = self.reconstructed(split)
        return {
            "instances": len(reached),
            **self.score_figures(reached),
            "SSIM": similarity,
            **reconstruction_fidelity(self.extractor, self.real_features(split), features),
        }

    def score_figures(self, reached: Tensor) -> dict[str, float]:
        """What the signal's score of each instance `[n]` says."""
        return {self.field.signal.score_name: float(reached.mean())}

    def generation(self, latents: Tensor) -> Figures:
        """See `Subject.generation`."""
        real, samples = self.real_features("train"), self.sample_features(latents)
        reconstructions, _ = self.reconstructed("train")
        count = min(len(real) // 2, len(samples))
        height, width = self._training_pictures(torch.tensor([0])).shape[1:3]
        noise = self.extractor.features(noise_pictures(count, height, width), count, "pictures of noise")
        # no picture of one half is compared with its own reconstruction
        others = {REAL: real[1::2], RECONSTRUCTIONS: reconstructions[1::2], SAMPLES: samples, NOISE: noise}
        figures = {"against": f"{len(real)} train {self._plural}", "samples": len(latents)}
        return {
            "generation": figures | generation_fidelity(self.extractor, real, samples),
            **yardstick(self.extractor, real[0::2], others),
        }

    def labelled(self, config: EvaluationConfig) -> Figures:
        """See `Subject.labelled`."""
        return {}

    def memorisation(self, latents: Tensor, folder: Path) -> dict[str, Any]:
        """See `Subject.memorisation`."""
        features = self.sample_features(latents), self.real_features("train")
        return memorisation(self.field, latents, features, self._training_pictures, folder)

    def _compute_latents(self, split: str) -> Tensor:
        return latents_of(self.field, split, self.parts[split])

    def _compute_reconstructed(self, split: str) -> tuple[Tensor, float]:
        """Features `[n, f]` of a split's reconstructions, and their mean SSIM."""
        observations, latents = self.parts[split], self.latents(split)
        similarities = []

        def made() -> Iterator[Tensor]:
            for real, chunk in zip(true_pictures(observations), latents.split(CHUNK), strict=True):
                pictures = tiles(self.field, chunk)
                similarities.append(structural_similarity(pictures, real))
                yield pictures

        features = self.extractor.features(made(), len(latents), f"{split} reconstructions")
        return features, float(torch.cat(similarities).mean())

    def _compute_real_features(self, split: str) -> Tensor:
        observations = self.parts[split]
        return self.extractor.features(true_pictures(observations), len(observations.names), f"{split} {self._plural}")

    def _compute_sample_features(self, latents: Tensor) -> Tensor:
        return self.extractor.features(
            (tiles(self.field, chunk) for chunk in latents.split(CHUNK)), len(latents), "samples"
        )

    def _training_pictures(self, index: Tensor) -> Tensor:
        return pictures_of(self.parts["train"], index)


def observed(parts: Split) -> Iterator[Tensor | str]:
    """All that the observations of all splits know."""
    for name, observations in parts.items():
        yield from [name, *observations.names]
        for index in torch.arange(len(observations.names)).split(CHUNK):
            yield from observations.observe(index)


def latents_of(field: GenerativeField, split: str, observations: Observations) -> Tensor:
    """Latents `[n, h]`: the run's own of training instances, found by the run's own strategy for all others."""
    if split == "train":
        return field.latents
    chunks = torch.arange(len(observations.names)).split(CHUNK)
    shown: Iterable[Tensor] = track(chunks, f"Latents, {split}", total=len(chunks), transient=True)
    return torch.cat([field.reconstruct(observations.subset(index.tolist())) for index in shown])


def pictures_of(observations: Observations, index: Tensor) -> Tensor:
    """The data's own pictures `[n, height, width, 3]` in [0, 1].

    Raises:
        DataError: the data know points only.
    """
    pictures = observations.pictures(index)
    if pictures is None:
        raise DataError(f"the {observations.signal.noun}s are known at points only; pass data that have them whole")
    return pictures


def true_pictures(observations: Observations) -> Iterator[Tensor]:
    """All of the data's pictures, a chunk after the other."""
    chunks = torch.arange(len(observations.names)).split(CHUNK)
    return (pictures_of(observations, index) for index in chunks)
