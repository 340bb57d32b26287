"""Modulations compared from the shell."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tyro.conf import OmitArgPrefixes

from mnif_core.commands.field import chosen_device
from mnif_core.commands.tables import print_comparison
from mnif_core.evaluation.comparison_config import ComparisonConfig
from mnif_core.training.config import Device


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

        config = self.config
        rows, sheet = compare(config, chosen_device(self.device), self.output_dir, partial(print, flush=True))
        print_comparison(rows, f"{config.seconds:g} s" if config.seconds is not None else f"{config.steps} steps")
        print(f"rows of the sheet: data, {', '.join(rows)} | {sheet}", flush=True)
