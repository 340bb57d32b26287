"""Training from the shell."""

from dataclasses import dataclass
from pathlib import Path

from mnif_core.training.config import ImageConfig, VoxelConfig


@dataclass
class TrainingData:
    """What every kind of training learns from."""

    data: Path | None = None
    """What to learn from. None: the bundled demo set."""


@dataclass
class Image(ImageConfig, TrainingData):
    """Learn images: a folder, an .npz or .npy file, or the bundled photographs."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.training.images import ImageTrainer

        ImageTrainer(**vars(self)).fit()


@dataclass
class Voxel(VoxelConfig, TrainingData):
    """Learn solids: meshes, grids, IM-NET's hdf5, the authors' .pth, or the demo cars."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.training.voxels import VoxelTrainer

        VoxelTrainer(**vars(self)).fit()
