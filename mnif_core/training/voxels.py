"""Training on solid shapes."""

from dataclasses import replace

from mnif_core.data.voxelise import FILL
from mnif_core.preset_config import VoxelPreset
from mnif_core.signals.voxels import VoxelSignal
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

    def signal(self) -> VoxelSignal:
        """See `Trainer.signal`."""
        assert isinstance(self.preset, VoxelPreset)
        return replace(VoxelSignal.of(super().signal()), shade=self.preset.shade)
