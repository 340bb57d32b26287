"""Sheets of a field's instances, and the meshes of solids beside them.

Shape letters: n latents, h their dimensions.
"""

from collections.abc import Collection
from pathlib import Path

from torch import Tensor

from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import arrange, save_png


def write_instances(
    field: GenerativeField,
    latents: Tensor,
    path: Path,
    columns: int,
    resolution: int | None = None,
    marked: Collection[int] = (),
) -> None:
    """Write a sheet of `latents` `[n, h]` to `path`, and for solids a folder of meshes beside it; say where.

    The pictures numbered `marked` are framed.
    """
    drawing = field.signal.draw(field.instance(latents), resolution)
    if drawing.meshes is not None:
        folder = path.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        for index, mesh in enumerate(drawing.meshes):
            mesh.export(folder / f"{index:04d}.ply")
        print(f"{len(drawing.meshes)} meshes in {folder}")
    pictures = list(drawing.pictures)
    print(f"{len(pictures)} pictures on {save_png(arrange(pictures, columns, marked), path)}", flush=True)
