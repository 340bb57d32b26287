"""Whether a file is a checkpoint that nerfstudio's trainer can load, before it does."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.files.stored_config import shown
from mnif_core.files.tensor_file import require_sound

REMEDY = "delete it and resume from the one before"
PARTS = ("pipeline", "optimizers", "scalers")


def check_checkpoint(path: Path) -> None:
    """Check that `path` is a whole nerfstudio checkpoint with sound numbers; they are mapped, not read into memory.

    Raises:
        CheckpointError: missing, damaged, or with numbers that no training leaves.
        ConfigError: a folder where a file is needed.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; pass it by --load-dir, or a file by --load-checkpoint")
    if not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint; pass the nerfstudio_models folder of a run by --load-dir")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path}: not a whole checkpoint; {REMEDY}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises pickle, zip and runtime errors alike
        raise CheckpointError(f"{path}: not a whole checkpoint; {REMEDY}") from error
    if not isinstance(state, dict) or not all(isinstance(state.get(part), dict) for part in PARTS):
        raise CheckpointError(f"{path}: not a checkpoint of nerfstudio's; pass --load-dir of an mnif run")
    step = state.get("step")
    if type(step) is not int or not 0 <= step < 1 << 50:
        raise CheckpointError(f"{path}: step is {shown(step)}, not a whole number from 0; {REMEDY}")
    for part in ("pipeline", "optimizers"):
        require_sound(_tensors(state[part], part), str(path), REMEDY)


def _tensors(value: Any, name: str) -> dict[str, Tensor]:
    """All tensors in nested containers, by where they stand."""
    if isinstance(value, Tensor):
        return {name: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    return {key: tensor for index, item in items for key, tensor in _tensors(item, f"{name}.{index}").items()}
