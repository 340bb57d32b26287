"""Training on solid shapes."""

from typing import Any

from mnif_core.data.voxelise import FILL
from mnif_core.training.config import VoxelConfig
from mnif_core.training.trainer import Trainer


class VoxelTrainer(Trainer):
    """Learns a distribution over solids; see `Trainer`, and `load_voxels` for what `data` may be.

    Args:
        data: solids. None: the demo cars.
        settings: those of `VoxelConfig`, by name.
    """

    modality = "voxel"
    usual_reading = {"fill": FILL}

    def __init__(self, data: Any = None, **settings: Any) -> None:
        config = VoxelConfig(**settings)
        self.reading = {"fill": config.fill}
        super().__init__(data, config, config.preset)
