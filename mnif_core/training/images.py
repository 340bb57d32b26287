"""Training on images."""

from pathlib import Path
from typing import Any

from mnif_core.files.picture_files import BACKGROUND
from mnif_core.training.config import ImageConfig
from mnif_core.training.trainer import Trainer


class ImageTrainer(Trainer):
    """Learns a distribution over images; see `Trainer`, and `load_images` for what `data` may be.

    Args:
        data: images. None: the bundled photographs.
        preset: its name. None: the usual one.
        output_dir: where everything is written. None: outputs/<preset>.
        settings: the others of `ImageConfig`, by name.
    """

    modality = "image"
    usual_reading = {"background": BACKGROUND}

    def __init__(
        self, data: Any = None, preset: str | None = None, output_dir: Path | str | None = None, **settings: Any
    ) -> None:
        folder = None if output_dir is None else Path(output_dir)
        config = ImageConfig(preset=preset or ImageConfig.preset, output_dir=folder, **settings)
        super().__init__(data, config, config.preset)
