"""Training on solid shapes."""

from typing import Any

from mnif_core.data.voxel_files import load_voxels
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.training.trainer import Trainer


class VoxelTrainer(Trainer):
    """Learns a distribution over solids; see `Trainer`, and `load_voxels` for what `data` may be."""

    modality = "voxel"
    default_preset = "voxel-tiny"

    def observations(self, data: Any, resolution: int, skip_bad: bool) -> VoxelObservations:
        """See `load_voxels`."""
        return load_voxels(data, resolution, skip_bad)
