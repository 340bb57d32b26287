"""Trainers that take their settings by name, as scripts and commands give them."""

from pathlib import Path
from typing import Any, ClassVar

from mnif_core.training.config import PresetConfig
from mnif_core.training.trainer import Trainer


class ConfiguredTrainer(Trainer):
    """A trainer of one modality.

    Args:
        data: what to learn from. None: the demo set.
        preset: its name. None: the usual one.
        output_dir: where everything is written. None: outputs/<preset>.
        settings: the others of `configured_by`, by name.
    """

    configured_by: ClassVar[type[PresetConfig]]
    """All settings, and what they usually are."""

    def __init__(
        self, data: Any = None, preset: str | None = None, output_dir: Path | str | None = None, **settings: Any
    ) -> None:
        folder = None if output_dir is None else Path(output_dir)
        config = self.configured_by(preset=preset or self.configured_by.preset, output_dir=folder, **settings)
        super().__init__(data, config, config.preset)
