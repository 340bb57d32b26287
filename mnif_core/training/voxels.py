"""Training on solid shapes."""

from typing import Any

from mnif_core.data.shaded_solids import THIN, thin_share, with_shade
from mnif_core.data.voxelise import FILL
from mnif_core.files.notes import tell
from mnif_core.preset_config import VoxelPreset
from mnif_core.signals.observations import Observations
from mnif_core.signals.voxels import VoxelObservations
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

    def observations(self, data: Any, skip_bad: bool) -> Observations:
        """See `Trainer.observations`. Sets of thin parts are shaded, where the preset has a shade."""
        solids = super().observations(data, skip_bad)
        if not isinstance(self.preset, VoxelPreset) or not isinstance(solids, VoxelObservations):
            return solids
        if self.preset.shade == 0.0 or (thin := thin_share(solids)) < THIN:
            return solids
        if self.fabric.is_global_zero:
            shade = f"(shade {self.preset.shade:g})"
            tell(f"{thin:.0%} of what is filled is thin, so distances to surfaces are learned {shade}")
        return with_shade(solids, self.preset.shade)
