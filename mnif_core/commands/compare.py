"""Modulations compared from the shell."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import OmitArgPrefixes

from mnif_core.commands.field import Device, chosen_device
from mnif_core.evaluation.comparison_config import ComparisonConfig


@dataclass
class Compare:
    """Train mixture, Functa and hypernetwork at an equal budget and print one table; finished ones are not repeated."""

    config: OmitArgPrefixes[ComparisonConfig]
    output_dir: Path = Path("outputs/comparison")
    """Where fields, figures, table and sheet go."""
    device: Device = "auto"
    """Where to train."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.evaluation.comparison import compare

        compare(self.config, chosen_device(self.device), self.output_dir)
