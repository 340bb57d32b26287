"""The folder of what can be made again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$MNIF_CACHE`, or `~/.cache/mnif-nerfstudio`; it may not exist yet."""
    named = os.environ.get("MNIF_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "mnif-nerfstudio"
