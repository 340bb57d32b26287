"""The linear classifier against its own optimum and scikit-learn, and what is said of its probabilities."""

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional
from torch_fidelity.metric_isc import isc_features_to_metric

from mnif_core.errors import ConfigError
from mnif_core.evaluation.metrics.classes import (
    PENALTY,
    certainty,
    inception_score,
    train_classifier,
)

NAMES = ["shoe", "hat", "dress"]


def blobs(each: int, seed: int, classes: int = 3) -> tuple[torch.Tensor, list[str]]:
    """Features around a centre for each class, of very unlike scales, the last one constant."""
    generator = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(classes, 8, generator=torch.Generator().manual_seed(7))
    rows = centres.repeat_interleave(each, 0) + torch.randn(classes * each, 8, generator=generator)
    rows = rows * torch.logspace(-3, 3, 8)
    rows[:, -1] = 5.0
    return rows, [name for name in NAMES[:classes] for _ in range(each)]


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_minimum_of_its_loss(classes: int) -> None:
    features, labels = blobs(50, 0, classes)
    found = train_classifier(features, labels)
    weights, biases = (part.clone().requires_grad_() for part in (found.weights, found.biases))
    logits = (features.double() - found.mean) / found.spread @ weights.T + biases
    targets = torch.tensor([found.classes.index(label) for label in labels])
    # of two classes scikit-learn weighs the difference of their weights
    loss = functional.cross_entropy(logits, targets) + PENALTY / 2 * weights.square().sum()
    gradients = torch.autograd.grad(loss, [weights, biases])
    if classes == 2:
        gradients = (gradients[0][1:], gradients[1])
    assert max(float(gradient.abs().max()) for gradient in gradients) < 2e-4


def test_probabilities_are_scikit_learns_whatever_the_scales_of_features() -> None:
    features, labels = blobs(50, 0)
    others, _ = blobs(20, 1)
    found = train_classifier(features, labels)
    mean, spread = features.double().mean(0), features.double().std(0, correction=0)
    spread[-1] = 1.0
    reference = LogisticRegression(C=1 / (PENALTY * 150), tol=1e-8, max_iter=5000)
    reference.fit(((features.double() - mean) / spread).numpy(), labels)
    theirs = torch.from_numpy(reference.predict_proba(((others.double() - mean) / spread).numpy()))
    assert found.classes == sorted(NAMES) == list(reference.classes_)
    torch.testing.assert_close(found.probabilities(others), theirs, atol=2e-3, rtol=0)
    scaled = train_classifier(features * torch.logspace(2, -2, 8), labels)
    torch.testing.assert_close(
        scaled.probabilities(others * torch.logspace(2, -2, 8)), found.probabilities(others), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_accuracy_counts_what_is_recognised(classes: int) -> None:
    features, labels = blobs(50, 0, classes)
    found = train_classifier(features, labels)
    unseen, truth = blobs(50, 1, classes)
    assert found.accuracy(unseen, truth) > 0.9
    assert found.accuracy(unseen, truth[50:] + truth[:50]) < 0.1 + 0.5 * (classes == 3)


def test_doubled_data_give_the_same_classifier() -> None:
    features, labels = blobs(50, 0)
    once, twice = train_classifier(features, labels), train_classifier(features.repeat(2, 1), labels * 2)
    torch.testing.assert_close(once.weights, twice.weights, atol=2e-3, rtol=0)


def test_inception_score_is_torch_fidelitys() -> None:
    logits = torch.randn(60, 5, generator=torch.Generator().manual_seed(0)) * 2
    theirs = isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"]
    assert inception_score(logits.softmax(1)) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(
    ("probabilities", "score", "sure"),
    [
        (torch.eye(4), 4.0, 1.0),
        (torch.eye(4)[[0, 0, 0]], 1.0, 1.0),
        (torch.full((3, 4), 0.25), 1.0, 0.25),
        # divergences log(4 / 3) and (log(2 / 3) + log(2)) / 2
        (torch.tensor([[1.0, 0.0], [0.5, 0.5]]), math.sqrt(4 / 3 * math.sqrt(4 / 3)), 0.75),
    ],
)
def test_known_scores(probabilities: torch.Tensor, score: float, sure: float) -> None:
    assert certainty(probabilities) == pytest.approx(sure)
    assert inception_score(probabilities) == pytest.approx(score)


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        (["hat"] * 5, "5 labels for 6 pictures; give each its own"),
        (["hat"] * 6, "labels name 1 class; a classifier needs two or more"),
    ],
)
def test_labels_that_cannot_be_learned_are_one_line(labels: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        train_classifier(torch.randn(6, 3), labels)
    assert str(raised.value) == line


def test_labels_that_were_not_learned_are_one_line() -> None:
    found = train_classifier(*blobs(10, 0))
    with pytest.raises(ConfigError, match="class 'boot' is none of the training data's; give both sets the same"):
        found.accuracy(torch.randn(2, 8), ["hat", "boot"])
    with pytest.raises(ConfigError, match="1 labels for 2 pictures"):
        found.accuracy(torch.randn(2, 8), ["hat"])
