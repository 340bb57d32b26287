"""Labels of instances as priors know them: by number, in the order of their names.

Shape letters: n instances.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from mnif_core.errors import ConfigError, printable

NAMED = 20  # labels that an error lists


def file_part(label: str) -> str:
    """A label as a part of a file's name, after what comes before; empty for none.

    >>> file_part("t-shirt / red")
    '-t-shirt_red'
    """
    return "-" + re.sub(r"[^\w-]+", "_", label).strip("_") if label else ""


def classes_of(labels: Sequence[str]) -> list[str]:
    """Distinct labels, sorted: a label's number is its place here."""
    return sorted(set(labels))


def numbers_of(labels: Sequence[str], classes: Sequence[str]) -> Tensor:
    """Number `[n]` of each label among `classes`; of others, `len(classes)`, which stands for no label."""
    number = {label: place for place, label in enumerate(classes)}
    return torch.tensor([number.get(label, len(classes)) for label in labels], dtype=torch.long, device="cpu")


def number_of(label: str, classes: Sequence[str]) -> int:
    """The number of one label.

    Raises:
        ConfigError: it is none of `classes`, or there are none.
    """
    if not classes:
        raise ConfigError(f"label '{label}': this field was trained without labels; leave it out")
    if label not in classes:
        more = f" and {len(classes) - NAMED} more" if len(classes) > NAMED else ""
        known = ", ".join(printable(name, 40) for name in classes[:NAMED])
        raise ConfigError(f"no label '{label}'; choose one of {known}{more}")
    return classes.index(label)
