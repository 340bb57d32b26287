"""Training on images."""

from typing import Any

from mnif_core.files.picture_files import BACKGROUND
from mnif_core.training.trainer import Trainer


class ImageTrainer(Trainer):
    """Learns a distribution over images; see `Trainer`, and `load_images` for what `data` may be.

    Args:
        settings: of `Trainer`.
        background: colour that transparency is laid over.
        named: of `Trainer`.
    """

    modality = "image"
    default_preset = "image-tiny"
    usual_reading = {"background": BACKGROUND}

    def __init__(self, *settings: Any, background: str = BACKGROUND, **named: Any) -> None:
        self.reading = {"background": background}
        super().__init__(*settings, **named)
