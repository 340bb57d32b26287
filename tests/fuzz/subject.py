"""What is fuzzed: a small valid thing on disk, one of its files to damage, and the road by which users read it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.mutations import Mutation


@dataclass(frozen=True)
class Subject:
    """One kind of file.

    A newcomer adds one to a list of `subjects_*.py`; `python -m tests.fuzz --subject <name>` runs it alone.
    """

    name: str
    make: Callable[[Path], None]
    """Writes the valid thing into a new folder."""
    file: str
    """Which of its files is damaged."""
    damage: Mutation
    read: Callable[[Path], None]
    """Reads the thing from its folder, as far as its content is used; raises `MnifError` where it cannot be."""


def require(condition: bool, what: str) -> None:
    """Something that must hold of whatever is read."""
    if not condition:
        raise AssertionError(what)
