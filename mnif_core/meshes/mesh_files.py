"""A mesh file of any format -> its parts, none of what it says taken on trust; or its surface alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError, MnifError
from mnif_core.extras import require_format
from mnif_core.files.notes import collected_notes
from mnif_core.meshes.parts import Array, Part
from mnif_core.meshes.surroundings import Surroundings


def read_parts(around: Surroundings) -> list[Part]:
    """Parts of the file that `around` is around, at least one.

    Raises:
        DataError: not readable, or without faces.
        DependencyError: the package that reads its format is not installed.
    """
    path = around.path
    require_format(path)
    try:
        parts = _reader(path)(around)
    except MnifError:
        raise
    except Exception as error:  # the formats' libraries raise whatever they like
        raise unreadable(path, error) from error
    if not parts:
        raise DataError(f"{path}: no faces; export it as a mesh, or remove it")
    return parts


def read_surface(path: Path) -> tuple[Array, NDArray[np.int64]]:
    """Vertices `[u, 3]`, all of them used, and triangles `[t, 3]` of a file; its materials and pictures are not read.

    Raises:
        DataError: as `read_parts`.
    """
    with collected_notes(), np.errstate(all="ignore"):
        parts = read_parts(Surroundings(path, pictures=False))
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    corners = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=True)])
    used, triangles = np.unique(corners, return_inverse=True)
    return np.concatenate([part.vertices for part in parts])[used], triangles.reshape(-1, 3)


def unreadable(path: Path, error: Exception) -> DataError:
    """The one line for a mesh that a reader stumbles over."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return DataError(f"{path}: not a readable mesh ({reason}); repair or remove it")


def _reader(path: Path) -> Callable[[Surroundings], list[Part]]:
    from mnif_core.meshes.coloured_formats import read_coloured
    from mnif_core.meshes.gltf import read_gltf
    from mnif_core.meshes.off import read_off
    from mnif_core.meshes.three_mf import read_3mf
    from mnif_core.meshes.wavefront import read_wavefront

    own = {".obj": read_wavefront, ".glb": read_gltf, ".gltf": read_gltf, ".off": read_off, ".3mf": read_3mf}
    return own.get(path.suffix.lower(), read_coloured)
