"""Where a run and its data lie, for nerfstudio's commands that read a config.yml: both may have been moved since."""

import argparse
import os
import sys
from pathlib import Path

from mnif_core.errors import DataError

DATA_VARIABLE = "MNIF_DATA"


def folder_with(name: Path | str) -> Path | None:
    """The folder of the config.yml that the command line names, if it holds `name`; none otherwise.

    nerfstudio hands a run's settings on without the place that they were read from.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--load-config", "--load_config", type=Path)
    config: Path | None = parser.parse_known_args(sys.argv[1:])[0].load_config
    return config.parent if config is not None and (config.parent / name).exists() else None


def data_folder(recorded: Path | None) -> Path | None:
    """Where the environment variable MNIF_DATA says that a run's data are, or `recorded`. None: the demo set.

    Raises:
        DataError: there is no such folder.
    """
    chosen = os.environ.get(DATA_VARIABLE)
    folder = Path(chosen) if chosen else recorded
    if folder is not None and not folder.is_dir():
        raise DataError(f"{folder}: no such folder; say where the run's data are by {DATA_VARIABLE}=folder")
    return folder
