"""A page to look at a saved field and steer it."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mnif_core.commands.field import load_field
from mnif_core.saved_run import fitted_folder
from mnif_core.training.config import Device


@dataclass
class View:
    """Look at a saved field in a browser: training instances, samples, mixes, principal directions, downloads."""

    run: Positional[Path]
    """A run's folder, the field folder in it, or a demo field: demo:cars, demo:clothes, demo:solids."""
    port: int = 7007
    """Where the page is served."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 lets other machines look."""
    show: str = "train:0"
    """What is shown first: train:3, sample:7 (seed), sample:7:chair (of a label), fitted:chair, between:3,9,0.5 or
    corners:0,1,2,3,0.5,0.5 (across, down); training instances also by name, or by a part that only one name has."""
    device: Device = "auto"
    """Where to compute."""

    def run_command(self) -> None:
        """Serve until interrupted."""
        from mnif_core.unseen.saved_scenes import SavedScenes
        from mnif_core.viewing.page import open_page
        from mnif_core.viewing.selection import Selection, base_latent

        field = load_field(self.run, self.device)
        selection = Selection.parse(self.show, field.names)
        fitted = SavedScenes(fitted_folder(self.run), field.latents)
        base_latent(field, selection, fitted)  # says in one line if there is no such instance
        server = open_page(field, str(self.run), selection, self.host, self.port, fitted)
        print(f"{self.run} at http://{self.host}:{self.port}; Ctrl-C ends", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            server.stop()
            sys.stdout.flush()
            os._exit(0)  # threads that are still drawing would abort the interpreter's own end
