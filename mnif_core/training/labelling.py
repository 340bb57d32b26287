"""Which labels a run learns, of those that its data name.

Shape letters: n instances.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from mnif_core.data.labels import read_labels
from mnif_core.errors import printable
from mnif_core.files.notes import tell
from mnif_core.prior.labels import classes_of, numbers_of

EACH = 2  # instances of a label in the mean, below which labels are names rather than kinds


@dataclass(frozen=True)
class Labelling:
    """The label of every instance of a run, or none at all.

    Attributes:
        train: of the training instances.
        validation: of those held out.
    """

    train: list[str] = field(default_factory=list)
    validation: list[str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Labels of training instances, by number."""
        return classes_of(self.train)

    @property
    def numbers(self) -> Tensor | None:
        """Of the training instances' labels `[n]`; none without labels."""
        return numbers_of(self.train, self.classes) if self.train else None

    @property
    def validation_numbers(self) -> Tensor | None:
        """Of the labels `[n]` of instances held out; a label that training lacks counts as none."""
        return numbers_of(self.validation, self.classes) if self.train else None

    def summary(self) -> dict[str, Any]:
        """For a run's `summary.json`: how many training instances have each label."""
        return {"labels": dict(sorted(Counter(self.train).items()))} if self.train else {}


def learnable(labels: list[str] | None, data: Any) -> list[str]:
    """`labels` of training instances, or none where all are one, or nearly as many as instances, which is said."""
    classes = len(set(labels or ()))
    if labels is None or classes < 2:
        return []
    if classes * EACH > len(labels):
        tell(f"{data}: {classes} labels for {len(labels)} instances, too many to learn; samples have none")
        return []
    return labels


def read_labelling(data: Any, names: Sequence[str], train: Sequence[str], validation: Sequence[str]) -> Labelling:
    """Labels of `data` (see `read_labels`, `learnable`) by the names of all instances, of training and of others.

    Raises:
        DataError: as `read_labels`.
    """
    found = read_labels(data, names)
    if found is None:
        return Labelling()
    label_of = {name: printable(label) for name, label in zip(names, found, strict=True)}
    known = learnable([label_of[name] for name in train], data)
    return Labelling(known, [label_of[name] for name in validation])
