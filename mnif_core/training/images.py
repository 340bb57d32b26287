"""Training on images."""

from mnif_core.files.picture_files import BACKGROUND
from mnif_core.training.config import ImageConfig
from mnif_core.training.configured import ConfiguredTrainer


class ImageTrainer(ConfiguredTrainer):
    """Learns a distribution over images; see `Trainer`, and `load_images` for what `data` may be.

    Args:
        data: images. None: the bundled photographs.
        preset: its name. None: the usual one.
        output_dir: where everything is written. None: outputs/<preset>.
        settings: the others of `ImageConfig`, by name.
    """

    configured_by = ImageConfig
    modality = "image"
    usual_reading = {"background": BACKGROUND}
