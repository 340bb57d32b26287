"""Scenes that were fitted to a finished field: one file each, `fitted/<name>.safetensors` in the field's folder.

Shape letters: h latent.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mnif_core.atomic import whole_file
from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.instance_networks import InstanceNetworks
from mnif_core.modulation import Modulation

FOLDER = "fitted"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class StoredScene:
    """A scene that training has not seen.

    Attributes:
        name: what it is called; letters, digits, `_`, `.` and `-`.
        latent: `[h]`.
        weights, biases: of its own network per layer, as in `InstanceNetworks`; empty where the latent says it all.
    """

    name: str
    latent: Tensor
    weights: tuple[Tensor, ...] = ()
    biases: tuple[Tensor, ...] = ()

    @torch.no_grad()
    def networks(self, modulation: Modulation) -> InstanceNetworks:
        """The scene's network: its own, or the one that its latent mixes."""
        made = modulation.instance(self.latent[None])
        return replace(made, weights=self.weights, biases=self.biases) if self.weights else made


def fitted_names(field: Path) -> list[str]:
    """Names of the scenes fitted to the field in this folder, sorted."""
    return sorted(path.stem for path in (field / FOLDER).glob("*.safetensors"))


def checked_name(field: Path, name: str, may_replace: bool) -> str:
    """`name`, if a scene can be added under it.

    Raises:
        ConfigError: no name for a file, or taken and not to be replaced.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"cannot name a scene '{name}'; use letters, digits, '_', '.' and '-' in --name")
    if not may_replace and name in fitted_names(field):
        raise ConfigError(f"{field}: a scene '{name}' was fitted before; pass another --name, or --replace")
    return name


def add_fitted(field: Path, scene: StoredScene, latents: Tensor, may_replace: bool = False) -> Path:
    """Write `scene` into the folder of the field whose training latents are `latents`; whole or not at all.

    Raises:
        ConfigError: as `checked_name`.
        OutputError: the folder cannot be written to.
    """
    path = field / FOLDER / f"{checked_name(field, scene.name, may_replace)}.safetensors"
    tensors = {"latent": scene.latent}
    for layer, (weight, bias) in enumerate(zip(scene.weights, scene.biases, strict=True)):
        tensors |= {f"weight.{layer}": weight, f"bias.{layer}": bias}
    with whole_file(path) as scratch:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            scratch,
            {"field": _fingerprint(latents)},
        )
    return path


def read_fitted(field: Path, name: str, latents: Tensor) -> StoredScene:
    """Read one scene fitted to the field in this folder, onto the device of its training latents `latents`.

    Raises:
        ConfigError: there is none of this name.
        CheckpointError: damaged, or the field has been trained on since.
    """
    path, known = field / FOLDER / f"{name}.safetensors", fitted_names(field)
    if name not in known:
        raise ConfigError(
            f"{field}: no fitted scene '{name}'; "
            + (f"choose one of {', '.join(known)}" if known else "add one by mnif fit-scene")
        )
    try:
        with safe_open(path, framework="pt", device=str(latents.device)) as file:
            stamp = (file.metadata() or {}).get("field")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        layers = range((len(tensors) - 1) // 2)
        weights = tuple(tensors[f"weight.{layer}"] for layer in layers)
        scene = StoredScene(name, tensors["latent"], weights, tuple(tensors[f"bias.{layer}"] for layer in layers))
    except (OSError, SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); fit the scene again") from error
    if stamp != _fingerprint(latents):
        raise CheckpointError(f"{path}: fitted to the field before it was trained on; fit the scene again")
    return scene


class FittedScenes(Mapping[str, StoredScene]):
    """All scenes fitted to a field, by name; read when asked for, so those that are added meanwhile are there too.

    Args:
        field: its folder; nothing is in a folder that does not exist.
        latents: its training latents.
    """

    def __init__(self, field: Path, latents: Tensor) -> None:
        self._field, self._latents = field, latents

    def __getitem__(self, name: str) -> StoredScene:
        """See `read_fitted`."""
        return read_fitted(self._field, name, self._latents)

    def __contains__(self, name: object) -> bool:
        return name in fitted_names(self._field)

    def __iter__(self) -> Iterator[str]:
        return iter(fitted_names(self._field))

    def __len__(self) -> int:
        return len(fitted_names(self._field))


def _fingerprint(latents: Tensor) -> str:
    """Tells a field from the same one after more training."""
    return hashlib.sha256(latents.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]
