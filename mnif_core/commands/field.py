"""What every command on a saved field takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from tyro.conf import Positional

from mnif_core.generative_field import GenerativeField

Device = Literal["auto", "cpu", "cuda"]


def chosen_device(device: Device) -> torch.device:
    """The GPU where there is one, unless another device is asked for."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)


def load_field(run: Path, device: Device) -> GenerativeField:
    """The field of a run's folder, or of the field folder itself."""
    return GenerativeField.load(run / "field" if (run / "field").is_dir() else run, chosen_device(device))


@dataclass
class FieldCommand:
    """What every command on a saved field takes."""

    run: Positional[Path]
    """A run's folder, or the field folder in it."""
    output: Path | None = None
    """PNG to write; none for a name in the run's folder."""
    device: Device = "auto"
    """Where to compute."""

    def load(self) -> GenerativeField:
        """The saved field."""
        return load_field(self.run, self.device)
