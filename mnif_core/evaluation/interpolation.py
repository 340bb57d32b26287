"""Grids of instances between four training instances, bilinear in the latents (Fig. 3, 7 and 8)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import arrange, save_png, write_instances


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


def write_interpolation(
    field: GenerativeField, corners: Sequence[str], size: int, views: int, resolution: int | None, path: Path
) -> None:
    """Write the grid to `path`, corners framed in green; say where.

    Args:
        field: of any modality.
        corners: see `corner_numbers`; top left, top right, bottom left, bottom right.
        size: instances along each side.
        views: of scenes: how many of SRN's fixed cameras to draw a grid for, from the horizon to straight above.
        resolution: side in pixels or cells. None: the data's.
        path: PNG.

    Raises:
        ConfigError: as `corner_numbers` and `GenerativeField.bilinear`; no view, or several of what is no scene.
    """
    latents = field.bilinear(corner_numbers(field.names, corners), size)
    marked = {0, size - 1, size * (size - 1), size * size - 1}
    if views == 1:
        write_instances(field, latents, path, columns=size, resolution=resolution, marked=marked)
        return
    grids = [
        arrange(list(_seen(field, latents, camera, resolution)), size, marked) for camera in field.signal.cameras(views)
    ]
    columns = max(1, round(views**0.5))
    print(f"{views} views of {len(latents)} scenes on {save_png(arrange(grids, columns), path)}", flush=True)


def _seen(field: GenerativeField, latents: Tensor, camera: Tensor, resolution: int | None) -> Tensor:
    parts = [field.render(chunk, camera, None, resolution, resolution).cpu() for chunk in latents.split(8)]
    return torch.cat(parts)
