"""Figures of a field of images: Table 1 of the paper, and what the images show where the data name classes."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from torch import Tensor

from mnif_core.evaluation.evaluation import CHUNK, some
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.label_figures import Labelled, label_figures
from mnif_core.evaluation.metrics.classes import LinearClassifier, certainty, inception_score, train_classifier
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.picture_evaluation import PictureSubject
from mnif_core.evaluation.results import Figures
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import tiles
from mnif_core.signals.images import ImageObservations

REAL_CLASSES = "classes, real test images"
RECONSTRUCTED_CLASSES = "classes, their reconstructions"
SAMPLE_CLASSES = "classes, samples"


class ImageSubject(PictureSubject):
    """A field of images with its data.

    Where the training images are labelled and there are unseen ones, a linear classifier of real training images'
    features judges unseen images, reconstructions and samples, always equally many of each.

    Args:
        field: of images.
        parts: as `splits` gives them.
        extractor: of features.
    """

    def __init__(self, field: GenerativeField, parts: Mapping[str, ImageObservations], extractor: Extractor) -> None:
        super().__init__(field, parts, extractor)
        self.labels = {split: observations.labels for split, observations in parts.items()}

    def data(self) -> Iterator[Tensor | str]:
        """See `Subject.data`."""
        yield from super().data()
        yield str(self.labels)

    @cached_property
    def classifier(self) -> LinearClassifier | None:
        """Of real training images; none where they have no labels, all one, or where no image is unseen."""
        labels = self.labels["train"]
        if labels is None or len(set(labels)) < 2 or "test" not in self.parts:
            return None
        return train_classifier(self.real_features("train"), labels)

    def score_figures(self, reached: Tensor) -> dict[str, float]:
        """MSE and PSNR of PSNRs `[n]`."""
        return {"MSE": float((10 ** (-reached / 10)).mean()), "PSNR": float(reached.mean())}

    def reconstruction(self, split: str) -> dict[str, Any]:
        """See `Subject.reconstruction`; accuracy only where the classifier has not seen the real images."""
        figures = super().reconstruction(split)
        labels = self.labels[split]
        if split == "train" or labels is None or self.classifier is None:
            return figures
        features = {"class accuracy": self.reconstructed(split)[0], "class accuracy, real": self.real_features(split)}
        return figures | {name: self.classifier.accuracy(rows, labels) for name, rows in features.items()}

    def labelled(self, config: EvaluationConfig) -> Figures:
        """See `Subject.labelled`; judged by the classifier of real training images."""
        known, unseen = self.labels["train"], self.labels.get("test")
        if self.classifier is None or known is None or unseen is None:
            return {}
        train, test = (
            Labelled(self.real_features(split), labels) for split, labels in (("train", known), ("test", unseen))
        )
        return label_figures(self.field, self.classifier, train, test, self._features_of, config)

    def _features_of(self, latents: Tensor, what: str) -> Tensor:
        return self.extractor.features((tiles(self.field, part) for part in latents.split(CHUNK)), len(latents), what)

    def generation(self, latents: Tensor) -> Figures:
        """See `Subject.generation`."""
        figures = super().generation(latents)
        if self.classifier is None:
            return figures
        sets = {
            REAL_CLASSES: self.real_features("test"),
            RECONSTRUCTED_CLASSES: self.reconstructed("test")[0],
            SAMPLE_CLASSES: self.sample_features(latents),
        }
        count = min(map(len, sets.values()))
        for name, features in sets.items():
            probabilities = self.classifier.probabilities(some(features, count))
            judged = {"certainty": certainty(probabilities), "inception score": inception_score(probabilities)}
            figures[name] = {"each": count, "classes": len(self.classifier.classes), **judged}
        return figures
