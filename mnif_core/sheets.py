"""Pictures of instances of any modality, side by side on one sheet."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from mnif_core.files.atomic import whole_file
from mnif_core.generative_field import GenerativeField

TILE, GUTTER, FRAME = 128, 2, 3  # pixels: least width of a picture, the gap after it, thickness of a frame
GREEN = (0.1, 0.7, 0.2)  # RGB in [0, 1]


def tiles(field: GenerativeField, latents: Tensor, resolution: int | None = None) -> Tensor:
    """One picture of each of `latents` `[n, h]`: `[n, height, width, 3]` in [0, 1].

    Args:
        field: what they are latents of.
        latents: `[n, h]`.
        resolution: side of images and views in pixels, of grids in cells. None: the data's.
    """
    return field.signal.draw(field.instance(latents), resolution).pictures


def beside(left: Tensor, right: Tensor) -> list[Tensor]:
    """Pictures of two sets `[n, height, width, 3]` in turn, so that pairs stand side by side on a sheet."""
    return [picture for pair in zip(left, right, strict=True) for picture in pair]


def arrange(pictures: list[Tensor], columns: int, marked: Collection[int] = ()) -> Tensor:
    """Pictures `[height, width, 3]` of one size in rows of `columns`, small ones enlarged: `[height, width, 3]`.

    Those numbered `marked` have a green frame.
    """
    blank = [torch.ones_like(pictures[0])] * (-len(pictures) % columns)
    framed = [_framed(picture, number in marked) for number, picture in enumerate(pictures + blank)]
    return torch.cat([torch.cat(framed[i : i + columns], dim=1) for i in range(0, len(framed), columns)])


def label(text: str, like: Tensor) -> Tensor:
    """Lines of text on white, as large as a sheet shows the picture `like` `[height, width, 3]`."""
    enlarged = max(1, TILE // like.shape[1])
    picture = Image.new("RGB", (like.shape[1] * enlarged, like.shape[0] * enlarged), "white")
    ImageDraw.Draw(picture).multiline_text((6, 6), text, fill="black", font_size=max(10, picture.width // 10))
    return torch.from_numpy(np.asarray(picture).copy()).float() / 255.0


def _framed(picture: Tensor, marked: bool) -> Tensor:
    enlarge = max(1, TILE // picture.shape[1])
    picture = picture.repeat_interleave(enlarge, 0).repeat_interleave(enlarge, 1)
    framed = picture.new_full((picture.shape[0] + GUTTER, picture.shape[1] + GUTTER, 3), 0.8)
    framed[: picture.shape[0], : picture.shape[1]] = picture
    if marked:
        inner = framed[FRAME : picture.shape[0] - FRAME, FRAME : picture.shape[1] - FRAME].clone()
        framed[: picture.shape[0], : picture.shape[1]] = framed.new_tensor(GREEN)
        framed[FRAME : picture.shape[0] - FRAME, FRAME : picture.shape[1] - FRAME] = inner
    return framed


def save_png(picture: Tensor, path: Path) -> Path:
    """Write a picture `[height, width, 3]` in [0, 1] as a whole PNG file.

    Raises:
        OutputError: the place cannot be written to.
    """
    with whole_file(path) as scratch:
        Image.fromarray((picture.clamp(0, 1) * 255).round().byte().cpu().numpy()).save(scratch, format="PNG")
    return path
