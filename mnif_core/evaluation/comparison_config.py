"""What a comparison of modulations trains and looks at; light, so that `--help` costs no training code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["mixture", "functa", "hypernetwork"]


@dataclass(frozen=True)
class ComparisonConfig:
    """Which modulations, on what, for how long."""

    modality: Literal["image", "voxel"] = "image"
    """What the data are."""
    data: Path | None = None
    """What to learn from, as for training. None: the bundled demo set."""
    modulations: tuple[Kind, ...] = ("mixture", "functa", "hypernetwork")
    """Which to compare; all have as many learnable parameters as the modality's tiny preset."""
    seconds: float | None = None
    """Budget of stage 1 for each, as time. Steps are counted from a short trial, so run nothing else meanwhile."""
    steps: int | None = None
    """Budget of stage 1 for each, as steps; one of the two."""
    prior_steps: int = 1500
    """Steps of stage 2 for each."""
    prior_width: int | None = None
    """Channels of each prior's residual MLP, a multiple of 16. None: the tiny preset's; the paper's is 4096."""
    samples: int = 256
    """Samples to judge each by."""
    resolution: int | None = None
    """Side of images in pixels, of grids in cells. None: the tiny preset's."""
    seed: int = 0
    """Decides split, weights, batches and samples."""
    skip_bad: bool = False
    """Leave unreadable files out and count them, instead of stopping at the first."""
