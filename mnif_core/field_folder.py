"""A saved field's folder and its parts: written as one, and read with each checked against the others.

Shape letters: s instances, h latent.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from mnif_core.errors import CheckpointError
from mnif_core.files.stored_config import from_json, parse_json, shown
from mnif_core.files.tensor_file import built, read_tensors
from mnif_core.files.tensor_folder import write_tensor_folder
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.functa import FunctaConfig
from mnif_core.networks.hypernetwork import HypernetworkConfig
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.networks.modulation import Modulation, ModulationConfig
from mnif_core.networks.spatial_mixture import SpatialMixtureConfig
from mnif_core.prior.kinds import PRIORS, to_store, with_denoiser, with_kind, without_denoiser
from mnif_core.prior.protocol import Prior
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.protocol import Signal

MODULATIONS: dict[str, type[ModulationConfig]] = {
    config.kind: config for config in (MixtureConfig, FunctaConfig, HypernetworkConfig, SpatialMixtureConfig)
}
FITTED = "fitted"  # folder of scenes that were fitted after training
FORMAT, VERSION = "mnif-generative-field", 2
Kind = TypeVar("Kind")


class StoredField(NamedTuple):
    """What a folder holds, in the order of a field's arguments."""

    modulation: Modulation
    latents: Tensor
    signal: Signal
    prior: Prior | None
    names: list[str]
    fitter: LatentFitter | None
    labels: list[str]


@dataclass(frozen=True)
class _Settings:
    """`config.json` of version 2."""

    format: str
    version: int
    modulation: dict[str, Any]
    signal: dict[str, Any]
    names: list[Any]
    prior: dict[str, Any] | None = None
    fitting: dict[str, Any] | None = None
    labels: list[Any] = field(default_factory=list)


def write_field_folder(stored: StoredField, folder: Path, half: bool = False) -> None:
    """Write a field's folder; see `GenerativeField.save`."""
    modulation, prior, fitter = stored.modulation, stored.prior, stored.fitter
    config = {
        "format": FORMAT,
        "version": VERSION,
        "modulation": {"kind": modulation.config.kind, **asdict(modulation.config)},
        "signal": {"kind": stored.signal.kind, **asdict(stored.signal)},
        "prior": to_store(prior.settings) if prior is not None else None,
        "fitting": asdict(fitter.config) if fitter is not None else None,
        "names": stored.names,
        **({"labels": stored.labels} if stored.labels else {}),
    }
    weights = {f"modulation.{name}": value for name, value in modulation.state_dict().items()}
    if prior is not None:
        state = without_denoiser(prior.state_dict()) if half else prior.state_dict()
        weights |= {f"prior.{name}": value for name, value in state.items()}
    if fitter is not None:
        weights |= {f"fitter.{name}": value for name, value in fitter.state_dict().items()}
    files = {"model.safetensors": weights, "latents.safetensors": {"latents": stored.latents}}
    write_tensor_folder(folder, config, files, half, kept=FITTED)


def read_field_folder(folder: Path, device: torch.device | str = "cpu") -> StoredField:
    """The parts of a field that `GenerativeField.save` wrote, on `device`.

    Raises:
        CheckpointError: a file missing or damaged, settings that are none, or that do not fit the weights.
    """
    path = folder / "config.json"
    settings = _settings(path)
    signal = _of_kind(SIGNALS, settings.signal, f"{path}: signal")
    modulation_config = _of_kind(MODULATIONS, settings.modulation, f"{path}: modulation")
    if (modulation_config.in_dim, modulation_config.out_dim) != (signal.in_dim, signal.out_dim):
        raise CheckpointError(
            f"{path}: a field of {modulation_config.in_dim} coordinates and {modulation_config.out_dim} values is no "
            f"{signal.kind}; restore the file, or train again"
        )
    prior_config = None if settings.prior is None else _of_kind(PRIORS, with_kind(settings.prior), f"{path}: prior")
    fitting = None if settings.fitting is None else from_json(FittingConfig, settings.fitting, f"{path}: fitting")
    latent_dim = modulation_config.latent_dim
    if prior_config is not None and prior_config.latent_dim != latent_dim:
        raise CheckpointError(f"{path}: latents of {latent_dim} and {prior_config.latent_dim} dimensions; train again")
    classes = len(set(settings.labels))
    if prior_config is not None and prior_config.classes not in (0, classes):
        raise CheckpointError(f"{path}: a prior of {prior_config.classes} labels, but {classes} names; train again")
    weights, _ = read_tensors(folder / "model.safetensors", device)
    if settings.version == 1:
        weights = {_renamed(name): value for name, value in weights.items()}
    weights = with_denoiser(weights, "prior.")
    where = str(folder)
    modulation = built(modulation_config.build, weights, "modulation.", where)
    prior = None if prior_config is None else built(prior_config.build, weights, "prior.", where)
    fitter = None
    if fitting is not None:
        fitter = built(lambda: LatentFitter(fitting, latent_dim), weights, "fitter.", where)
    latents = _latents(folder / "latents.safetensors", device, latent_dim, len(settings.names))
    if settings.labels and len(settings.labels) != len(latents):
        raise CheckpointError(f"{path}: {len(latents)} latents, but {len(settings.labels)} labels; restore the folder")
    return StoredField(modulation, latents, signal, prior, settings.names, fitter, settings.labels)


def _settings(path: Path) -> _Settings:
    """`config.json` of any version, as of the last."""
    try:
        config = parse_json(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: not found; name a folder that a run has written") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({shown(str(error))}); restore it or train again") from error
    version = config.get("version") if isinstance(config, dict) else None
    if version not in (1, VERSION) or config.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a generative field of version 1 to {VERSION}; train again")
    if version == 1 and isinstance(config.get("mixture"), dict):  # the mixture was the only modulation
        config["modulation"] = {"kind": "mixture", **config.pop("mixture")}
    settings = from_json(_Settings, config, f"{path}: config")
    if not all(isinstance(name, str) and name.isprintable() for name in [*settings.names, *settings.labels]):
        raise CheckpointError(f"{path}: names that are not text; restore the file, or train again")
    return settings


def _of_kind(kinds: dict[str, type[Kind]], given: dict[str, Any], where: str) -> Kind:
    """Settings whose dataclass their `kind` names."""
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise CheckpointError(f"{where}.kind is {shown(kind)}, not one of {', '.join(kinds)}; restore the file")
    return from_json(kinds[kind], {name: value for name, value in given.items() if name != "kind"}, where)


def _renamed(name: str) -> str:
    """The name of version 1's tensor in version 2."""
    return f"modulation.{name.removeprefix('mixture.')}" if name.startswith("mixture.") else name


def _latents(path: Path, device: torch.device | str, latent_dim: int, names: int) -> Tensor:
    """The table `[s, h]`, as many as there are names, where there are any."""
    latents = read_tensors(path, device)[0].get("latents")
    if latents is None or latents.ndim != 2 or latents.shape[1] != latent_dim or not latents.is_floating_point():
        raise CheckpointError(f"{path}: no table of latents of {latent_dim} dimensions; restore it or train again")
    if names not in (0, len(latents)):
        raise CheckpointError(f"{path}: {len(latents)} latents, but {names} names; restore the folder or train again")
    return latents.float() if latents.dtype != torch.float32 else latents
