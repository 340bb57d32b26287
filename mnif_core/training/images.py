"""Training on images."""

from typing import Any

from mnif_core.files.picture_files import BACKGROUND
from mnif_core.training.config import ImageConfig
from mnif_core.training.trainer import Trainer


class ImageTrainer(Trainer):
    """Learns a distribution over images; see `Trainer`, and `load_images` for what `data` may be.

    Args:
        data: images. None: the bundled photographs.
        settings: those of `ImageConfig`, by name.
    """

    modality = "image"
    usual_reading = {"background": BACKGROUND}

    def __init__(self, data: Any = None, **settings: Any) -> None:
        config = ImageConfig(**settings)
        self.reading = {"background": config.background}
        super().__init__(data, config, config.preset)
