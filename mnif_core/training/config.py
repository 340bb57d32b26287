"""What a run is told besides its data: the arguments of `ImageTrainer`, `VoxelTrainer` and of the commands of theirs.

Light, so that `--help` costs no training code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnif_core.prior.protocol import PriorChoice

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["32-true", "bf16-mixed"]


@dataclass
class TrainingConfig:
    """What both kinds of training take."""

    output_dir: Path | None = None
    """Where everything is written. None: outputs/<preset>."""
    seed: int = 0
    """Decides all that is random."""
    fit_length: int | None = None
    """Length of stage 1 in the preset's unit (epochs, or steps where tiny). None: the preset's."""
    prior_length: int | None = None
    """Length of stage 2."""
    latent_dim: int | None = None
    """Latent dimensions H. None: the preset's."""
    latent_noise: float | None = None
    """Noise on the latents of a step of auto-decoding, as a share of their spread; 0 for none. None: the preset's."""
    prior: PriorChoice | None = None
    """What samples are drawn from: diffusion, a mixture of Gaussians, a smoothed bootstrap of all latents or of each
    one's neighbours (local-bootstrap), or auto, the one that held-out instances choose. None: the preset's, or that of
    the run that goes on."""
    labels: bool = True
    """Learn the labels that the data name (sub-folders, labels.csv, or label in an .npz), so that samples can be asked
    for by label."""
    resolution: int | None = None
    """Side of images in pixels, of grids in cells. None: the preset's."""
    orthogonality: float = 0.0
    """Weight of a penalty on bases that are alike; 0 is the paper's."""
    skip_bad: bool = False
    """Leave unreadable files out and count them, instead of stopping at the first."""
    device: Device = "auto"
    """Where to train."""
    precision: Precision = "32-true"
    """bf16-mixed is faster on GPUs, and blunts the sines."""
    checkpoint_every: int = 200
    """Steps between checkpoints."""
    resume: bool = False
    """Go on from the checkpoint in the output folder."""


@dataclass
class PresetConfig(TrainingConfig):
    """What is trained is named by a preset; each modality has its usual one."""

    preset: str = ""
    """Its name."""


@dataclass
class ImageConfig(PresetConfig):
    """How images are learned."""

    preset: str = "image-tiny"
    """image-tiny, image-mid, image-s, image-l, image-table-4, image-table-5, image-table-6; for thousands of pictures
    of several classes image-spatial, image-spatial-s, image-spatial-l, whose latents have a grid, sharper in parts (of
    one class, or a few hundred pictures, the others leave a prior less to learn); of other modulations image-functa,
    image-gem, image-tiny-functa, image-tiny-hypernetwork."""
    background: str = "white"
    """Colour that transparent pixels are laid over: white, black, or one like #808080; kept with the field."""


@dataclass
class VoxelConfig(PresetConfig):
    """How solids are learned."""

    preset: str = "voxel-tiny"
    """voxel-tiny, voxel-mid, voxel-s, voxel-l; of other modulations voxel-tiny-functa, voxel-tiny-hypernetwork."""
    fill: Literal["solid", "enclosed"] = "solid"
    """What open meshes become: what rays from six sides find inside, or only what their cells enclose."""
