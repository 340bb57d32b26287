"""Scenes that were fitted to a finished field: one file each, `fitted/<name>.safetensors` in the field's folder.

Beside it, where cameras were found, `fitted/<name>/`: the views with their `transforms.json`.

Shape letters: h latent.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mnif_core.data.posed_views import PosedViews
from mnif_core.data.transforms_writer import write_transforms
from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.field_folder import FITTED
from mnif_core.files.atomic import whole_file
from mnif_core.files.tensor_file import read_tensors
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.modulation import Modulation

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class SavedScene:
    """A scene that training has not seen, as its file has it.

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
        """The scene's network: its own, or the one that its latent mixes.

        Raises:
            CheckpointError: its own is of another shape than the field's.
        """
        made = modulation.instance(self.latent[None])
        if not self.weights:
            return made
        for own, mixed in ((self.weights, made.weights), (self.biases, made.biases)):
            if [part.shape for part in own] != [part.shape for part in mixed]:
                raise CheckpointError(f"fitted scene {self.name}: the network is of another shape; fit the scene again")
        return replace(made, weights=self.weights, biases=self.biases)


def saved_names(field: Path) -> list[str]:
    """Names of the scenes fitted to the field in this folder, sorted."""
    return sorted(path.stem for path in (field / FITTED).glob("*.safetensors"))


def checked_name(field: Path, name: str, may_replace: bool) -> str:
    """`name`, if a scene can be added under it.

    Raises:
        ConfigError: no name for a file, or taken and not to be replaced.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"cannot name a scene '{name}'; use letters, digits, '_', '.' and '-' in --name")
    if not may_replace and name in saved_names(field):
        raise ConfigError(f"{field}: a scene '{name}' was fitted before; pass another --name, or --replace")
    return name


def save_scene(field: Path, scene: SavedScene, latents: Tensor, may_replace: bool = False) -> Path:
    """Write `scene` into the folder of the field whose training latents are `latents`; whole or not at all.

    Raises:
        ConfigError: as `checked_name`.
        OutputError: the folder cannot be written to.
    """
    path = field / FITTED / f"{checked_name(field, scene.name, may_replace)}.safetensors"
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


def save_cameras(field: Path, name: str, views: PosedViews) -> Path:
    """Write the views of the saved scene `name`, with the cameras found for them, beside it, in place of older ones.

    Returns:
        Path of their `transforms.json`, which `mnif fit-scene` and nerfstudio read.

    Raises:
        OutputError: the folder cannot be written to.
    """
    shutil.rmtree(field / FITTED / name, ignore_errors=True)
    return write_transforms(field / FITTED / name, views)


def read_scene(field: Path, name: str, latents: Tensor) -> SavedScene:
    """Read one scene fitted to the field in this folder, onto the device of its training latents `latents`.

    Raises:
        ConfigError: there is none of this name.
        CheckpointError: damaged, or the field has been trained on since.
    """
    path, known = field / FITTED / f"{name}.safetensors", saved_names(field)
    if name not in known:
        raise ConfigError(
            f"{field}: no fitted scene '{name}'; "
            + (f"choose one of {', '.join(known)}" if known else "add one by mnif fit-scene")
        )
    tensors, metadata = read_tensors(path, latents.device, "fit the scene again")
    layers = range((len(tensors) - 1) // 2)
    parts = [[f"{kind}.{layer}" for layer in layers] for kind in ("weight", "bias")]
    if tensors.keys() != {"latent", *parts[0], *parts[1]} or tensors["latent"].shape != latents.shape[1:]:
        raise CheckpointError(f"{path}: not the tensors of a fitted scene of this field; fit the scene again")
    if metadata.get("field") != _fingerprint(latents):
        raise CheckpointError(f"{path}: fitted to the field before it was trained on; fit the scene again")
    weights, biases = (tuple(tensors[key].to(latents.dtype) for key in keys) for keys in parts)
    return SavedScene(name, tensors["latent"].to(latents.dtype), weights, biases)


class SavedScenes(Mapping[str, SavedScene]):
    """All saved scenes of a field, by name; read when asked for, so those that are added meanwhile are there too.

    Args:
        field: its folder; nothing is in a folder that does not exist.
        latents: its training latents.
    """

    def __init__(self, field: Path, latents: Tensor) -> None:
        self._field, self._latents = field, latents

    def __getitem__(self, name: str) -> SavedScene:
        """See `read_scene`."""
        return read_scene(self._field, name, self._latents)

    def __contains__(self, name: object) -> bool:
        return name in saved_names(self._field)

    def __iter__(self) -> Iterator[str]:
        return iter(saved_names(self._field))

    def __len__(self) -> int:
        return len(saved_names(self._field))


def _fingerprint(latents: Tensor) -> str:
    """Tells a field from the same one after more training."""
    return hashlib.sha256(latents.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]
