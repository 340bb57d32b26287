"""Whether samples can be told from instances that none has learned from, by a classifier that tries.

Shape letters: n held-out instances, s samples, f numbers that describe an instance.
"""

from typing import NamedTuple

import torch
from torch import Tensor

MOST = 512  # held-out instances that are compared: beyond, the classifier's time grows and its answer does not change
DRAWS = 4  # sets of samples that are compared: each takes as many classifiers as there are folds
FOLDS = 5  # parts that are left out of its training in turn, and judged


class ToldApart(NamedTuple):
    """The share of held-out instances and samples that a classifier tells rightly.

    Attributes:
        share: 0.5 is chance, 1 all of them.
        error: its standard error, as if each were told by itself.
    """

    share: float
    error: float


def told_apart(samples: Tensor, held_out: Tensor) -> ToldApart:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017): a support vector machine, cross-validated.

    Distances between latents or pictures hardly change where samples leave what instances look like, if they do so in
    many dimensions at once; a classifier finds it.

    Args:
        samples: `[s, f]`; as many at a time as there are held-out instances are compared, `DRAWS` times if they last.
        held_out: `[n, f]`, n at least 5.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    held_out = held_out[:MOST].double().cpu()
    count = len(held_out)
    shares = []
    for part in samples.double().cpu().split(count)[: min(DRAWS, max(1, len(samples) // count))]:
        both = torch.cat([held_out, part]).numpy()
        kinds = [0] * count + [1] * len(part)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        shares.append(float(cross_val_score(SVC(), both, kinds, cv=folds).mean()))
    share = sum(shares) / len(shares)
    return ToldApart(share, (share * (1.0 - share) / (2 * count)) ** 0.5)
