"""safetensors files that are not taken on trust, and modules that take their weights from them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from mnif_core.errors import CheckpointError, ConfigError, printable

Module = TypeVar("Module", bound=nn.Module)

LARGEST = (
    1e12  # absolute value of a weight: no training comes near it, and products of three such numbers are still finite
)
SHORT = 200  # letters of what a file says
UNSET = ("prior.mean", "prior.std")  # at the end of names: NaN until the prior has seen latents


def read_tensors(
    path: Path, device: torch.device | str = "cpu", remedy: str = "restore it, or train again"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file by name, and its metadata.

    Args:
        path: a safetensors file.
        device: where to.
        remedy: what to do about a damaged file.

    Raises:
        CheckpointError: not readable, not whole, or with numbers that no training leaves.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = dict(file.metadata() or {})
            # copied to where torch puts its own: of memory that begins elsewhere some CPUs make other last bits
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: not found; name what a run has written") from error
    except Exception as error:  # safetensors raises its own, and what torch and the system raise
        raise CheckpointError(f"{path}: damaged ({printable(error, SHORT)}); {remedy}") from error
    require_sound(tensors, str(path), remedy)
    return tensors, metadata


def require_sound(tensors: dict[str, Tensor], where: str, remedy: str) -> None:
    """Refuse numbers that are not finite, immensely large, or, where whole, negative.

    Raises:
        CheckpointError: there is one; `where` names the file.
    """
    for name, value in tensors.items():
        if not value.numel() or value.dtype == torch.bool or (name.endswith(UNSET) and bool(value.isnan().all())):
            continue
        if value.is_complex():
            raise CheckpointError(f"{where}: damaged ({printable(name, SHORT)} is {value.dtype}); {remedy}")
        numbers = value if value.dtype.itemsize > 1 or not value.is_floating_point() else value.float()
        low, high = (float(end) for end in numbers.aminmax())
        sound = low >= -LARGEST and high <= LARGEST if value.is_floating_point() else low >= 0
        if not sound:  # NaN is not, either
            raise CheckpointError(
                f"{where}: damaged (numbers from {low:g} to {high:g} in {printable(name, SHORT)}); {remedy}"
            )


def built(make: Callable[[], Module], tensors: dict[str, Tensor], prefix: str, where: str) -> Module:
    """The module that `make` makes, with the tensors whose names begin with `prefix` as its parameters.

    Nothing is allocated for it but what the file holds, whatever sizes its settings claim.

    Raises:
        CheckpointError: as `unallocated` and `fill`.
    """
    module = unallocated(make, where)
    fill(module, tensors, prefix, where)
    return module


def unallocated(make: Callable[[], Module], where: str) -> Module:
    """The module that `make` makes, without memory for its parameters.

    Raises:
        CheckpointError: of a size that nothing can have, or of settings that contradict each other.
    """
    try:
        with torch.device("meta"):
            return make()
    except ConfigError as error:
        raise CheckpointError(f"{where}: {error}") from error
    except RuntimeError as error:  # products of sizes that overflow
        raise CheckpointError(f"{where}: settings of no possible size; restore them, or train again") from error


def fill(module: nn.Module, tensors: dict[str, Tensor], prefix: str, where: str) -> None:
    """Give a module the tensors whose names begin with `prefix`.

    Raises:
        CheckpointError: one is missing, too many, or of another shape or kind; `where` names file or settings.
    """
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    needed = module.state_dict()
    for name in sorted(needed.keys() | own.keys()):
        found, wanted = (_described(state.get(name)) for state in (own, needed))
        if found != wanted:
            raise CheckpointError(
                f"{where}: weights and settings do not fit ({printable(prefix + name, SHORT)} is {found}, "
                f"not {wanted}); use those of one run"
            )
    lacking = any(value.is_meta for value in needed.values())
    module.load_state_dict({name: own[name].to(value.dtype) for name, value in needed.items()}, assign=lacking)


def _described(value: Tensor | None) -> str:
    if value is None:
        return "nothing"
    kind = "floats" if value.is_floating_point() else "whole numbers" if value.dtype != torch.bool else "truth values"
    return f"{kind} {list(value.shape)}"
