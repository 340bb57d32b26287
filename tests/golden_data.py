"""Numbers from the authors' code, from the folder that MNIF_GOLDEN names, or the copies beside this file."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren

FOLDER = Path(os.environ.get("MNIF_GOLDEN") or Path(__file__).with_name("golden"))


def case_names(prefix: str) -> list[str]:
    """Cases whose name starts with `prefix`, sorted."""
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}*.json"))


def load_case(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Description and arrays of a case."""
    description = json.loads((FOLDER / f"{name}.json").read_text())
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as arrays:
        return description, dict(arrays)


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The same arrays as tensors."""
    return {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}


def layer_major(rows: Tensor, num_bases: int) -> Tensor:
    """The authors' projection rows, basis by basis, in this project's order, layer by layer (Eq. 10)."""
    return rows.unflatten(0, (num_bases, -1)).transpose(0, 1).flatten(0, 1)


def golden_mixture(arrays: dict[str, Tensor], w0: float, sine_output: bool) -> MixtureSiren:
    """A mixture with a case's bases `W0, b0, ...` and projection `T, T_bias`."""
    layers = sum(name.startswith("b") and name[1:].isdigit() for name in arrays)
    bases, width, in_dim = arrays["W0"].shape
    mixture = MixtureSiren(
        MixtureConfig(
            in_dim=in_dim,
            out_dim=arrays[f"b{layers - 1}"].shape[1],
            hidden_layers=layers - 2,
            width=width,
            num_bases=bases,
            latent_dim=arrays["T"].shape[1],
            w0=w0,
            output_activation="sine" if sine_output else "none",
        )
    )
    with torch.no_grad():
        for index in range(layers):
            mixture.basis_weights[index].copy_(arrays[f"W{index}"])
            mixture.basis_biases[index].copy_(arrays[f"b{index}"])
        mixture.projection.weight.copy_(layer_major(arrays["T"], bases))
        mixture.projection.bias.copy_(layer_major(arrays["T_bias"], bases))
    return mixture


def drawn_from(noises: Iterable[Tensor]) -> Callable[[Tensor], Tensor]:
    """What gives one of `noises` after the other, whatever tensor it is to be like."""
    rest = iter(noises)
    return lambda _: next(rest)
