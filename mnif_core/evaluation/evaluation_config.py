"""What an evaluation draws and looks at; light, so that `--help` costs no metrics."""

from dataclasses import dataclass

from mnif_core.latents.neighbours import Sampler
from mnif_core.prior.guidance import GUIDANCE


@dataclass(frozen=True)
class EvaluationConfig:
    """What to draw, and how much to look at."""

    samples: int | None = None
    """Instances to draw. None: as many as there are to compare with (images: training images; solids and scenes:
    test instances), and at least 64."""
    seed: int = 0
    """Of the samples."""
    sampler: Sampler = "dpm++"
    """How latents are drawn; `neighbours` between training latents (Eq. 11)."""
    steps: int = 25
    """Reverse steps of diffusion."""
    guidance: float = GUIDANCE
    """Of samples of diffusion that are asked for by label, where the run was trained with labels."""
    views: int = 512
    """Of scenes: views at most in every comparison, evenly spread over scenes and cameras (the paper: all)."""
    unseen_scenes: int = 4
    """Of scenes: unseen ones at most to find latents of, which takes seconds each."""
