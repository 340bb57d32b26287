"""Figures on disk, kept while all that they follow from is the same."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from mnif_core.files.atomic import write_json
from mnif_core.files.stored_config import parse_json
from mnif_core.generative_field import GenerativeField

VERSION = 2
"""Raise it whenever a figure is computed in another way: older ones are then computed again."""

Figures = dict[str, dict[str, Any]]
"""Group of figures -> name -> value."""


class Results:
    """Groups of figures in one JSON file, computed part by part: a part whose key is unchanged is read.

    Args:
        path: the file; written after every part, so that an interrupted evaluation goes on.
        base: digest of what all parts follow from, weights and data.

    Attributes:
        parts: key, settings and figures of each part so far.
        unchanged: names of those that were read.
        known: parts that the file had.
    """

    def __init__(self, path: Path, base: str) -> None:
        self.path, self.base = path, base
        self.parts: dict[str, dict[str, Any]] = {}
        self.unchanged: list[str] = []
        self.known = _read(path).get("parts", {})

    @property
    def figures(self) -> Figures:
        """All groups of the parts so far."""
        return {name: group for part in self.parts.values() for name, group in part["figures"].items()}

    def part(
        self, name: str, settings: dict[str, Any], compute: Callable[[], Figures], files: Iterable[Path] = ()
    ) -> None:
        """Take the groups of a part from the file, or compute them and write the file.

        Args:
            name: of the part.
            settings: what the part follows from besides weights and data; plain JSON.
            compute: the groups of the part.
            files: that `compute` writes; it runs again where one is missing.
        """
        key = hashlib.sha256(json.dumps([VERSION, self.base, name, settings]).encode()).hexdigest()
        if self.known.get(name, {}).get("key") == key and all(file.exists() for file in files):
            self.unchanged.append(name)
            self.parts[name] = self.known[name]
        else:
            self.parts[name] = {"key": key, "settings": settings, "figures": compute()}
        write_json(self.path, {"figures": self.figures, "parts": {**self.known, **self.parts}})


def digest(field: GenerativeField, data: Iterable[Tensor | str | Path]) -> str:
    """SHA-256 of a field's weights and of its data: tensors, words, or files' contents."""
    found = hashlib.sha256()
    modules = [module for module in (field.modulation, field.prior, field.fitter) if module is not None]
    tensors = [value for module in modules for value in module.state_dict().values()]
    for item in [*tensors, field.latents, *data]:
        if isinstance(item, Tensor):
            found.update(item.detach().cpu().contiguous().numpy().tobytes())
        else:
            found.update(item.read_bytes() if isinstance(item, Path) else item.encode())
    return found.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
