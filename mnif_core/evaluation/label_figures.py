"""Whether samples that were asked for by label show it, and how unlike they are: real ones of the label beside.

Shape letters: n pictures, f features, s samples of a label, h latent.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.metrics.classes import LinearClassifier
from mnif_core.evaluation.metrics.diversity import mean_pairwise_distance
from mnif_core.evaluation.results import Figures
from mnif_core.generative_field import GenerativeField

EACH, MOST = 64, 4096  # samples of each label, and of all together at most
AS_ASKED = "class as asked"
UNGUIDED = 1.0


class Labelled(NamedTuple):
    """Features `[n, f]` of real pictures, and the label of each."""

    features: Tensor
    labels: Sequence[str]

    def of(self, label: str) -> Tensor:
        """Features of those that have `label`."""
        return self.features[torch.tensor([each == label for each in self.labels])]


def label_figures(
    field: GenerativeField,
    classifier: LinearClassifier,
    train: Labelled,
    unseen: Labelled,
    features_of: Callable[[Tensor, str], Tensor],
    config: EvaluationConfig,
) -> Figures:
    """For real unseen pictures, for samples of the prior at the guidance asked for, and for unguided ones.

    Shares are of pictures that the classifier gives the label they have or were asked for. Over all labels they are
    weighed as labels occur among unseen pictures, so that samples compare with these. Diversity is the mean distance
    between two samples' features over that between as many real training pictures of the label.

    Args:
        field: that knows labels.
        classifier: of real training pictures.
        train: what it was trained on.
        unseen: what it was not.
        features_of: of latents `[s, h]`, with what to call them: `[s, f]`.
        config: how to draw.
    """
    classes = [label for label in field.classes if label in classifier.classes]
    each = max(2, min(EACH, MOST // max(1, len(classes))))
    weights = {label: sum(own == label for own in unseen.labels) for label in classes}
    real = {label: _share(classifier, unseen.of(label), label) for label in classes if weights[label]}
    figures = {f"labels, real test {field.signal.noun}s": {"each": len(unseen.labels), **_shares(real, weights)}}
    guided = field.prior is not None and config.sampler != "neighbours"
    for guidance in dict.fromkeys([config.guidance, UNGUIDED] if guided else [UNGUIDED]):
        how = f"at guidance {guidance:g}" if guidance != UNGUIDED else "unguided"
        shares, diversity = {}, {}
        for label in classes:
            latents = field.sample_latents(
                each, config.seed, config.sampler, config.steps, label=label, guidance=guidance
            )
            made, known = features_of(latents, f"samples of {label}, {how}"), train.of(label)[:each]
            shares[label] = _share(classifier, made, label)
            among_real = mean_pairwise_distance(known)
            if among_real > 0:
                # as many of both
                diversity[label] = mean_pairwise_distance(made[: len(known)]) / among_real
        mean = sum(diversity.values()) / max(1, len(diversity))
        figures[f"labels, samples {how}"] = {
            "each": each,
            **_shares(shares, weights),
            "diversity inside a label": mean,
            **{f"diversity, {label}": value for label, value in diversity.items()},
        }
    return figures


def _share(classifier: LinearClassifier, features: Tensor, label: str) -> float:
    """Of features `[n, f]` whose likeliest class is `label`."""
    return classifier.accuracy(features, [label] * len(features))


def _shares(shares: dict[str, float], weights: dict[str, int]) -> dict[str, Any]:
    """Of all labels, weighed, then of each."""
    total = sum(weights[label] for label in shares)
    overall = sum(weights[label] * share for label, share in shares.items()) / max(1, total)
    return {AS_ASKED: overall, **{f"{AS_ASKED}, {label}": share for label, share in shares.items()}}
