"""Grids of instances between four training instances, bilinear in the latents (Fig. 3, 7 and 8)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import arrange


def corner_numbers(names: Sequence[str], corners: Sequence[str]) -> list[int]:
    """Training instances by number, or by a part of their names: the first that has it, the second where asked again.

    Folders are part of a name, so that classes kept in folders of their own can be mixed: `chair sofa lamp chair`.

    Raises:
        ConfigError: no, or no further, training instance of such a name.
    """
    found: list[int] = []
    for corner in corners:
        if corner.isdigit():
            found.append(int(corner))
            continue
        matches = [number for number, name in enumerate(names) if corner in name and number not in found]
        if not matches:
            raise ConfigError(f"corner '{corner}': no training instance is left whose name has it; pass its number")
        found.append(matches[0])
    return found


def corners_of(size: int) -> set[int]:
    """Where the corners stand among the size * size instances of a grid, row by row."""
    return {0, size - 1, size * (size - 1), size * size - 1}


def grids_of_views(field: GenerativeField, latents: Tensor, size: int, views: int, resolution: int | None) -> Tensor:
    """A grid of scenes for each of several cameras, all on one picture `[height, width, 3]` in [0, 1].

    Args:
        field: of scenes.
        latents: of a grid `[size * size, h]`, see `GenerativeField.bilinear`.
        size: instances along each side; those in the corners are framed.
        views: how many of SRN's fixed cameras to draw a grid for, from the horizon to straight above.
        resolution: side in pixels. None: the data's.

    Raises:
        ConfigError: no view, or several of what is no scene.
    """
    marked = corners_of(size)
    grids = [
        arrange(list(_seen(field, latents, camera, resolution)), size, marked) for camera in field.signal.cameras(views)
    ]
    return arrange(grids, max(1, round(views**0.5)))


def _seen(field: GenerativeField, latents: Tensor, camera: Tensor, resolution: int | None) -> Tensor:
    parts = [field.render(chunk, camera, None, resolution, resolution).cpu() for chunk in latents.split(8)]
    return torch.cat(parts)
