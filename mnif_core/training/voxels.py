"""Training on solid shapes."""

from pathlib import Path
from typing import Any

from mnif_core.data.voxelise import FILL
from mnif_core.training.config import VoxelConfig
from mnif_core.training.trainer import Trainer


class VoxelTrainer(Trainer):
    """Learns a distribution over solids; see `Trainer`, and `load_voxels` for what `data` may be.

    Args:
        data: solids. None: the demo cars.
        preset: its name. None: the usual one.
        output_dir: where everything is written. None: outputs/<preset>.
        settings: the others of `VoxelConfig`, by name.
    """

    modality = "voxel"
    usual_reading = {"fill": FILL}

    def __init__(
        self, data: Any = None, preset: str | None = None, output_dir: Path | str | None = None, **settings: Any
    ) -> None:
        folder = None if output_dir is None else Path(output_dir)
        config = VoxelConfig(preset=preset or VoxelConfig.preset, output_dir=folder, **settings)
        super().__init__(data, config, config.preset)
