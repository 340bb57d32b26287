"""Checkpoints as one safetensors file: tensors, and everything else as JSON in its header."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from mnif_core.errors import CheckpointError
from mnif_core.files.stored_config import Between, NotNegative, from_json, parse_json
from mnif_core.files.tensor_file import fill, read_tensors
from mnif_core.training.collapse import ATTEMPTS


@dataclass(frozen=True)
class Progress:
    """Where a run is."""

    stage: Literal[1, 2]
    step: Annotated[int, Between(0, 1 << 50)]
    """Steps of the stage that are done."""
    seconds: NotNegative
    """That the stage has taken."""
    earlier_seconds: NotNegative
    """That the stage before took."""
    best: float | None
    """Best score of the stage, whose weights are in the file; none before the first."""
    identity: dict[str, Any]
    """What the run follows from."""
    attempt: Annotated[int, Between(0, ATTEMPTS - 1)] = 0
    """Of stage 1: how often it has been started again, slower."""


def write_checkpoint(path: Path, tensors: dict[str, Tensor], state: Progress) -> None:
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
            {"state": json.dumps(asdict(state))},
        )
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except (OSError, SafetensorError) as error:
        scratch.unlink(missing_ok=True)
        kept = "the older one is kept; " if path.exists() else ""
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: cannot write the checkpoint ({reason}); {kept}free space and resume") from error


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], Progress]:
    """What `write_checkpoint` wrote.

    Raises:
        CheckpointError: missing, damaged, or not a checkpoint of this project.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint; pass the folder of a run, or train without --resume")
    tensors, metadata = read_tensors(path, device, "delete it and train again")
    try:
        state = parse_json(metadata["state"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: not a whole checkpoint of this project; delete it and train again") from error
    return tensors, from_json(Progress, state, f"{path}: state")


def pack(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """A module's state under `prefix`."""
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}


def unpack(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The reverse of `pack`.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    fill(module, tensors, f"{prefix}.", prefix)


def pack_optimizer(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's moments and counts under `prefix`. Rates are not state: they follow from the step."""
    return {
        f"{prefix}.{index}.{key}": torch.as_tensor(value)
        for index, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }


def unpack_optimizer(prefix: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The reverse of `pack_optimizer`.

    Raises:
        CheckpointError: moments are missing, too many, negative where they are squares, or of other shapes than the
            parameters.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    own = {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
    state = {}
    for index, parameter in enumerate(parameters):
        moments = {name.partition(".")[2]: own.pop(name) for name in list(own) if name.startswith(f"{index}.")}
        if not moments:
            continue
        shapes = {key: value.shape for key, value in moments.items()}
        wanted = [{key: shape(parameter) for key, shape in kind.items()} for kind in MOMENTS]
        negative = [key for key in NOT_NEGATIVE & moments.keys() if float(moments[key].min()) < 0]
        if shapes not in wanted or negative or not all(value.is_floating_point() for value in moments.values()):
            raise CheckpointError(f"{prefix}.{index}: moments do not fit this preset; delete the checkpoint")
        state[index] = moments
    if own:
        raise CheckpointError(f"{prefix}: moments of parameters that this preset does not have; delete the checkpoint")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


MOMENTS: tuple[dict[str, Callable[[Tensor], torch.Size]], ...] = (
    {"step": lambda parameter: torch.Size(()), "exp_avg": lambda p: p.shape, "exp_avg_sq": lambda p: p.shape},
    {"steps": lambda parameter: parameter.shape[:1], "mean": lambda p: p.shape, "square": lambda p: p.shape},
)
"""Of Adam and of RowAdam: what they keep, and its shape for a parameter."""
NOT_NEGATIVE = {"step", "steps", "exp_avg_sq", "square"}
