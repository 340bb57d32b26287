"""Training on solid shapes."""

from mnif_core.data.voxelise import FILL
from mnif_core.training.config import VoxelConfig
from mnif_core.training.configured import ConfiguredTrainer


class VoxelTrainer(ConfiguredTrainer):
    """Learns a distribution over solids; see `Trainer`, and `load_voxels` for what `data` may be.

    Args:
        data: solids. None: the demo cars.
        preset: its name. None: the usual one.
        output_dir: where everything is written. None: outputs/<preset>.
        settings: the others of `VoxelConfig`, by name.
    """

    configured_by = VoxelConfig
    modality = "voxel"
    usual_reading = {"fill": FILL}
