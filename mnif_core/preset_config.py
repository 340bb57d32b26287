"""What a preset decides: the fields of a named configuration."""

from dataclasses import dataclass
from typing import Literal

from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.modulation import ModulationConfig
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.prior.protocol import PriorChoice
from mnif_core.signals.scenes import SceneSignal


@dataclass(frozen=True)
class StageConfig:
    """One stage of training: Adam, cosine annealing of the rate to zero over the stage."""

    length: int
    """How long, in `unit`."""
    unit: Literal["epochs", "steps"] = "epochs"
    """Passes over the training instances, or steps."""
    batch_size: int = 32
    """Instances in a step, over all processes."""
    rate: float | None = 1e-4
    """Learning rate at the start; none, for a mixture in stage 1, lets it follow from the shape: `learning_rates`."""
    warmup_steps: int = 0
    """Steps of linear warm-up; the paper has none."""
    clip_norm: float | None = None
    """Largest norm of the gradient of all weights together. None: no bound, as in the paper."""

    def steps(self, instances: int) -> int:
        """Steps in the stage, for a number of training instances."""
        return self.length * -(-instances // self.batch_size) if self.unit == "epochs" else self.length


@dataclass(frozen=True)
class Preset:
    """Everything that decides a run, but for data and seed."""

    modality: str
    """Kind of signal."""
    modulation: ModulationConfig
    fitting: FittingConfig
    stage_1: StageConfig
    prior: PriorConfig
    stage_2: StageConfig
    resolution: int = 64
    """Side of an image in pixels, of a grid in cells, of a view in pixels."""
    points: int | None = None
    """Points of an instance in a step of stage 1, drawn anew. None: all."""
    latent_rate: float = 1e-4
    """Learning rate of the latent table (auto-decoding); of large mixtures without a rate in stage 1, the largest."""
    orthogonality: float = 0.0
    """Weight of the penalty on bases that are alike, in stage 1 (suggested in Sec. 5.3, off in the paper)."""
    validation_share: float = 0.0
    """Share of the instances held out, to choose the best weights of each stage by; 0 trains on all."""
    prior_kind: PriorChoice = "diffusion"
    """What samples are drawn from; `auto`: the kind that held-out latents choose. The paper's is diffusion."""


@dataclass(frozen=True)
class VoxelPreset(Preset):
    """A preset of solids. The default is the paper's."""

    shade: float = 0.0
    """See `VoxelSignal.shade`, of sets that have thin parts; others have none."""


@dataclass(frozen=True)
class ScenePreset(Preset):
    """A preset of scenes, which are known by posed views. An instance's points are the samples on rays of its pixels.

    The defaults are the paper's.
    """

    views_per_scene: int = 32
    """Views of a scene in a step of stage 1, drawn anew."""
    pixels_per_view: int = 512
    """Pixels of each of them, drawn anew."""
    foreground_share: float = 0.0
    """Share of those pixels in [0, 1] that is drawn from what is not background."""
    box: bool = False
    """Whether rays are drawn and sampled only in the box that holds all scenes."""
    held_out_views: int = 1
    """Views of every scene that are kept from training."""
    signal: SceneSignal = SceneSignal()
    """Where samples lie on a ray, and what gives density; size and camera follow from the data."""
