"""What every command on a saved field takes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tyro.conf import Positional

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.kernels.dispatch import Implementation
from mnif_core.saved_run import output_folder
from mnif_core.training.config import Device


def chosen_device(device: Device) -> torch.device:
    """The GPU where there is one, unless another device is asked for."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)


def load_field(run: Path, device: Device, implementation: Implementation = "auto") -> GenerativeField:
    """The field that `run` names: see `saved_run`."""
    return GenerativeField.load(run, chosen_device(device), implementation)


@dataclass
class FieldCommand:
    """What every command on a saved field takes."""

    run: Positional[Path]
    """A run's folder, the field folder in it, or a demo field: demo:cars, demo:clothes, demo:solids."""
    output: Path | None = None
    """PNG to write. None: a name in the run's folder, of a demo field in outputs/demo-fields."""
    device: Device = "auto"
    """Where to compute."""
    implementation: Implementation = "auto"
    """What evaluates the networks: plain torch, fused Triton kernels or tiny-cuda-nn; auto takes what is fastest."""

    def load(self) -> GenerativeField:
        """The saved field."""
        return load_field(self.run, self.device, self.implementation)

    @property
    def folder(self) -> Path:
        """Where output goes, unless told otherwise."""
        return output_folder(self.run)
