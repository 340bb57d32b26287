"""What a search for settings of stage 1 trains and looks at; light, so that `--help` costs no training code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnif_core.training.config import Device


@dataclass(frozen=True)
class TuningConfig:
    """Which settings are tried, on what, for how long."""

    modality: Literal["image", "voxel", "scene"] = "image"
    """What the data are. Scenes are trained by ns-train, which this does not run."""
    data: Path | None = None
    """What to learn from, as for training. None: the bundled demo set."""
    preset: str | None = None
    """Where to start from. None: the modality's tiny preset."""
    minutes: float = 60.0
    """What all short runs together may take; it is planned by the speed of a first trial, so run nothing else."""
    latent_dims: tuple[int, ...] = ()
    """Latent dimensions H to try. None named: half, once and twice the preset's."""
    latent_noises: tuple[float, ...] = (0.0, 0.1, 0.2)
    """Noise on latents to try, as shares of their spread; of presets without a table of latents only 0 is."""
    resolution: int | None = None
    """Side of images in pixels, of grids in cells. None: the preset's."""
    seed: int = 0
    """Decides split, weights, batches and samples."""
    skip_bad: bool = False
    """Leave unreadable files out and count them, instead of stopping at the first."""
    device: Device = "auto"
    """Where to train."""
