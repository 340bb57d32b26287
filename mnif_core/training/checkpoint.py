"""Checkpoints as one safetensors file: tensors, and everything else as JSON in its header."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mnif_core.errors import CheckpointError


def write_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write beside `path`, then move into place, so that an older checkpoint stays whole until then.

    Raises:
        CheckpointError: no space, or not writable. The older checkpoint is as it was.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.detach().contiguous().cpu() for name, value in tensors.items()},
            scratch,
            {"state": json.dumps(state)},
        )
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except (OSError, SafetensorError) as error:
        scratch.unlink(missing_ok=True)
        kept = "the older one is kept; " if path.exists() else ""
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: cannot write the checkpoint ({reason}); {kept}free space and resume") from error


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_checkpoint` wrote.

    Raises:
        CheckpointError: missing, damaged, or not a checkpoint of this project.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint; pass the folder of a run, or train without --resume")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            state = json.loads(file.metadata()["state"])
            return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a whole checkpoint of this project; delete it and train again") from error


def pack(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """A module's state under `prefix`."""
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}


def unpack(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The reverse of `pack`.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    own = {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        raise CheckpointError(f"{prefix}: weights do not fit this preset; train with the run's own") from error


def pack_optimizer(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's moments and counts under `prefix`. Rates are not state: they follow from the step."""
    return {
        f"{prefix}.{index}.{key}": torch.as_tensor(value)
        for index, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }


def unpack_optimizer(prefix: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The reverse of `pack_optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(f"{prefix}."):
            index, key = name.removeprefix(f"{prefix}.").split(".")
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
