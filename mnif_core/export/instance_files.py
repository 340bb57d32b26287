"""One instance as a file for other tools; the file's suffix says which."""

from pathlib import Path

from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.export.mesh_files import MESH_SUFFIXES, Up, write_mesh
from mnif_core.export.surface import instance_mesh
from mnif_core.generative_field import GenerativeField


def export_instance(
    field: GenerativeField, latent: Tensor, path: Path | str, resolution: int | None = None, up: Up = "z"
) -> Path:
    """Write the instance `latent` `[h]` as the suffix of `path` says.

    `.glb`, `.ply`, `.obj`: watertight mesh with colours, of a scene or a solid.

    Args:
        field: what `latent` is a latent of.
        latent: `[h]`.
        path: appears whole, in place of an older one.
        resolution: cells along each side of the cube that is searched for the surface; none for 128.
        up: axis of the data that points up.

    Raises:
        ConfigError: an unknown suffix, a modality that has no such form, or nothing of the instance is solid.
        OutputError: the place cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise ConfigError(f"{path}: cannot write '{path.suffix}'; end it in {', '.join(MESH_SUFFIXES)}")
    write_mesh(instance_mesh(field, latent, resolution), path, up)
    return path
