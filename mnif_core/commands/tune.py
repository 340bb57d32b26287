"""The search for settings of stage 1 from the shell."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import OmitArgPrefixes

from mnif_core.evaluation.tuning_config import TuningConfig


@dataclass
class Tune:
    """Choose latent dimensions, noise and length of stage 1 by short runs, whose samples are set against unseen data.

    A search that was interrupted goes on.
    """

    config: OmitArgPrefixes[TuningConfig]
    output_dir: Path = Path("outputs/tune")
    """Where runs, tune.json and tune.png go."""

    def run_command(self) -> None:
        """Do it."""
        from rich.console import Console
        from rich.table import Table

        from mnif_core.evaluation.tuning import tune

        found = tune(self.config, self.output_dir)
        figures = list(found.rows[0].figures)
        shown = Table(
            "H", "latent noise", found.unit, "score", *figures, "seconds", title="Best first; lower is better"
        )
        for row in found.rows:
            values = [f"{row.figures[name]:.4g}" if name in row.figures else "-" for name in figures]
            score = "nothing learned" if row.score is None else f"{row.score:.4g}"
            shown.add_row(
                str(row.latent_dim), f"{row.latent_noise:g}", str(row.length), score, *values, f"{row.seconds:.0f}"
            )
        Console(width=None if Console().is_terminal else 120).print(shown)
        print(f"samples in {found.picture}, figures in {self.output_dir / 'tune.json'}")
        print(f"Train the best: {shlex.join(found.command)}", flush=True)
