"""Figures of a field of images: Table 1 of the paper."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.evaluation.evaluation import (
    CHUNK,
    FEW,
    decoded,
    generation_fidelity,
    memorisation,
    noise_pictures,
    reconstruction_fidelity,
    structural_similarity,
    yardstick,
)
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.results import Figures
from mnif_core.evaluation.splits import Split
from mnif_core.generative_field import GenerativeField
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.observations import Observations
from mnif_core.unseen.reconstruction import scores


class ImageSubject:
    """A field of images with its data.

    Samples are compared with the training images, as in the paper.

    Args:
        field: of images.
        parts: as `splits` gives them.
        extractor: of features.
    """

    def __init__(self, field: GenerativeField, parts: Split, extractor: Extractor) -> None:
        assert isinstance(field.signal, ImageSignal)
        self.field, self.parts, self.extractor = field, parts, extractor
        self.signal = field.signal
        self.splits = list(parts)
        self.samples = max(FEW, len(parts["train"].names))
        self._real_features = cache(self._compute_real_features)
        self._sample_features = cache(self._compute_sample_features)

    def data(self) -> Iterator[Tensor | str]:
        """See `Subject.data`."""
        return observed(self.parts)

    def reconstruction(self, split: str) -> dict[str, Any]:
        """See `Subject.reconstruction`."""
        observations = self.parts[split]
        latents = latents_of(self.field, split, observations)
        psnr = scores(self.field, observations, latents)
        similarities = []

        def made() -> Iterator[Tensor]:
            for real, pictures in zip(true_pictures(observations), decoded(self.field, latents), strict=True):
                similarities.append(structural_similarity(pictures, real))
                yield pictures.expand(*pictures.shape[:3], 3)

        features = self.extractor.features(made(), len(latents), f"{split} reconstructions")
        return {
            "instances": len(psnr),
            "MSE": float((10 ** (-psnr / 10)).mean()),
            "PSNR": float(psnr.mean()),
            "SSIM": float(torch.cat(similarities).mean()),
            **reconstruction_fidelity(self.extractor, self._real_features(split), features),
        }

    def generation(self, latents: Tensor) -> Figures:
        """See `Subject.generation`."""
        real, samples = self._real_features("train"), self._sample_features(latents)
        halves = real[0::2], real[1::2]
        count = min(len(halves[1]), len(samples))
        noise = self.extractor.features(
            noise_pictures(count, self.signal.height, self.signal.width), count, "pictures of noise"
        )
        figures = {"against": f"{len(real)} train images", "samples": len(latents)}
        return {
            "generation": figures | generation_fidelity(self.extractor, real, samples),
            **yardstick(self.extractor, *halves, samples, noise),
        }

    def memorisation(self, latents: Tensor, folder: Path) -> dict[str, Any]:
        """See `Subject.memorisation`."""
        features = self._sample_features(latents), self._real_features("train")
        return memorisation(self.field, latents, features, self._training_pictures, folder)

    def _compute_real_features(self, split: str) -> Tensor:
        observations = self.parts[split]
        pictures = (real.expand(*real.shape[:3], 3) for real in true_pictures(observations))
        return self.extractor.features(pictures, len(observations.names), f"{split} images")

    def _compute_sample_features(self, latents: Tensor) -> Tensor:
        pictures = (made.expand(*made.shape[:3], 3) for made in decoded(self.field, latents))
        return self.extractor.features(pictures, len(latents), "samples")

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
    """The data's own pictures `[n, height, width, k]` in [0, 1]."""
    signal: ImageSignal = observations.signal
    values = observations.observe(index)[1].cpu() * 0.5 + 0.5
    return values.unflatten(1, (signal.height, signal.width))


def true_pictures(observations: Observations) -> Iterator[Tensor]:
    """All of the data's pictures, a chunk after the other."""
    chunks = torch.arange(len(observations.names)).split(CHUNK)
    return (pictures_of(observations, index) for index in chunks)
