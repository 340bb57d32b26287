"""What pictures show, judged by a linear classifier on features of real ones.

Shape letters: n pictures, f features, c classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mnif_core.errors import ConfigError

PENALTY = 0.03  # of squared weights against the mean loss: unseen real photographs are judged as surely as rightly
STEPS = 1000  # of L-BFGS at most; some dozens are enough


@dataclass(frozen=True)
class LinearClassifier:
    """Multinomial logistic regression on standardised features.

    Attributes:
        classes: their names, c.
        mean: of the training features `[f]`.
        spread: their standard deviation `[f]`, 1 where all are the same.
        weights: `[c, f]`.
        biases: `[c]`.
    """

    classes: list[str]
    mean: Tensor
    spread: Tensor
    weights: Tensor
    biases: Tensor

    def probabilities(self, features: Tensor) -> Tensor:
        """Of each class, `[n, c]` in double precision, of features `[n, f]`; rows add up to 1."""
        standardised = (features.double() - self.mean) / self.spread
        return (standardised @ self.weights.T + self.biases).softmax(1)

    def accuracy(self, features: Tensor, labels: Sequence[str]) -> float:
        """Share of features `[n, f]` whose likeliest class is their label (n names), in [0, 1].

        Raises:
            ConfigError: another number of labels, or one that the classifier was not trained on.
        """
        _require_as_many(features, labels)
        strange = sorted(set(labels) - set(self.classes))
        if strange:
            raise ConfigError(f"class '{strange[0]}' is none of the training data's; give both sets the same classes")
        chosen = self.probabilities(features).argmax(1).tolist()
        return sum(self.classes[row] == label for row, label in zip(chosen, labels, strict=True)) / len(labels)


def train_classifier(features: Tensor, labels: Sequence[str]) -> LinearClassifier:
    """Logistic regression of labels (n names) on features `[n, f]` of real pictures, on the CPU.

    Features are standardised; the loss is the mean cross-entropy plus `PENALTY` / 2 times the squared weights, whose
    minimum is the only one, whatever the seed and the number of pictures.

    Raises:
        ConfigError: another number of labels than of pictures, or fewer than two classes.
    """
    from sklearn.linear_model import LogisticRegression

    _require_as_many(features, labels)
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise ConfigError(f"labels name {len(classes)} class; a classifier needs two or more")
    values = features.double()
    mean, spread = values.mean(0), values.std(0, correction=0)
    spread = torch.where(spread > 0, spread, 1.0)
    # scikit-learn sums the losses that are averaged here
    regression = LogisticRegression(C=1.0 / (PENALTY * len(labels)), max_iter=STEPS)
    regression.fit(((values - mean) / spread).numpy(), list(labels))
    weights, biases = torch.from_numpy(regression.coef_), torch.from_numpy(regression.intercept_)
    if len(classes) == 2:  # scikit-learn gives the logit of the second against the first
        weights, biases = torch.cat([torch.zeros_like(weights), weights]), torch.cat([torch.zeros(1), biases])
    return LinearClassifier(classes, mean, spread, weights, biases)


def certainty(probabilities: Tensor) -> float:
    """Mean probability of the likeliest class, in [1 / c, 1], of `[n, c]`."""
    return float(probabilities.max(1).values.mean())


def inception_score(probabilities: Tensor) -> float:
    """Exponential of the mean divergence of each picture's classes from all pictures' (Salimans et al. 2016).

    In [1, c], best where each picture is one class for sure and all classes are equally many. It grows with the number
    of pictures: compare equally many.

    Args:
        probabilities: `[n, c]`, rows add up to 1.
    """
    probabilities = probabilities.double()
    marginal = probabilities.mean(0, keepdim=True)
    divergence = (torch.xlogy(probabilities, probabilities) - torch.xlogy(probabilities, marginal)).sum(1)
    return float(divergence.mean().exp())


def _require_as_many(features: Tensor, labels: Sequence[str]) -> None:
    if len(features) != len(labels):
        raise ConfigError(f"{len(labels)} labels for {len(features)} pictures; give each its own")
