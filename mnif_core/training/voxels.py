"""Training on solid shapes."""

from typing import Any

from mnif_core.data.voxelise import FILL, Fill
from mnif_core.training.trainer import Trainer


class VoxelTrainer(Trainer):
    """Learns a distribution over solids; see `Trainer`, and `load_voxels` for what `data` may be.

    Args:
        settings: of `Trainer`.
        fill: what open meshes become.
        named: of `Trainer`.
    """

    modality = "voxel"
    default_preset = "voxel-tiny"
    usual_reading = {"fill": FILL}

    def __init__(self, *settings: Any, fill: Fill = FILL, **named: Any) -> None:
        self.reading = {"fill": fill}
        super().__init__(*settings, **named)
