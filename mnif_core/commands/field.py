"""What every command on a saved field takes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tyro.conf import Positional

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.kernels.dispatch import Implementation
from mnif_core.training.config import Device


def chosen_device(device: Device) -> torch.device:
    """The GPU where there is one, unless another device is asked for."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)


def field_folder(run: Path) -> Path:
    """The field folder in a run's folder, or the folder itself."""
    return run / "field" if (run / "field").is_dir() else run


def load_field(run: Path, device: Device, implementation: Implementation = "auto") -> GenerativeField:
    """The field of a run's folder, or of the field folder itself."""
    return GenerativeField.load(field_folder(run), chosen_device(device), implementation)


@dataclass
class FieldCommand:
    """What every command on a saved field takes."""

    run: Positional[Path]
    """A run's folder, or the field folder in it."""
    output: Path | None = None
    """PNG to write. None: a name in the run's folder."""
    device: Device = "auto"
    """Where to compute."""
    implementation: Implementation = "auto"
    """What evaluates the networks: plain torch, fused Triton kernels or tiny-cuda-nn; auto takes what is fastest."""

    def load(self) -> GenerativeField:
        """The saved field."""
        return load_field(self.run, self.device, self.implementation)
