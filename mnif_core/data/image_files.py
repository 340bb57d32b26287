"""Images from disk or from a data set object: checked, cropped to a square, resized."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mnif_core.data.array_files import read_array
from mnif_core.data.folder_files import read_folder
from mnif_core.data.image_arrays import as_images, picture_of_item
from mnif_core.errors import DataError
from mnif_core.files.picture_files import APPLE, BACKGROUND, SUFFIXES, checked_background, read_picture
from mnif_core.signals.images import ImageObservations

PHOTOGRAPHS, PHOTOGRAPH = 876, 64  # how many are bundled, and the side of each in pixels


def load_images(data: Any, size: int, skip_bad: bool = False, background: str = BACKGROUND) -> ImageObservations:
    """Images of `data` as squares of `size` pixels: centre crop, then resize (Lanczos).

    Args:
        data: a folder (searched with all below it), an `.npz` or `.npy` file with one array
            `[n, height, width(, 1 or 3)]` or `[n, 1 or 3, height, width]` (see `as_bytes` for its types), a data set
            object as of torchvision (items are images, or tuples that begin with one), or None for the bundled
            photographs.
        size: height and width in pixels.
        skip_bad: leave unreadable images out and say how many, instead of stopping at the first.
        background: what transparency is laid over.

    Raises:
        ConfigError: the background is no colour.
        DataError: nothing there, an unreadable image, an array of another shape or type.
    """
    checked_background(background)

    def squares(pictures: Iterable[Image.Image], name: str, where: object = "the data set") -> ImageObservations:
        stacked = [_square(picture, size) for picture in pictures]
        if not stacked:
            raise DataError(f"{where}: holds no images; pass a set with at least two")
        names = [f"{name}_{i:06d}" for i in range(len(stacked))]
        return ImageObservations(torch.from_numpy(np.stack(stacked)), names, background)

    if data is None:
        return squares(_pictures(demo_photographs()), "photograph")
    if not isinstance(data, (str, Path)):
        return squares((picture_of_item(data[i], f"item {i}", background) for i in range(len(data))), "image")
    path = Path(data)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; pass a folder of images, an .npz or an .npy file")
    if path.is_dir():
        read, names = read_folder(
            path, SUFFIXES, lambda file: _square(read_picture(file, background), size), "images", skip_bad, APPLE
        )
        return ImageObservations(torch.from_numpy(np.stack(read)), names, background)
    return squares(_pictures(as_images(read_array(path, "images"), str(path))), path.stem, path)


def demo_photographs() -> NDArray[np.uint8]:
    """The bundled photographs of t-shirts (CC0), uint8 `[n, 64, 64, 3]`, cut from one sheet."""
    with resources.files("mnif_core.data.demo").joinpath("photographs.webp").open("rb") as file:
        sheet = np.asarray(Image.open(file).convert("RGB"))
    rows, columns = sheet.shape[0] // PHOTOGRAPH, sheet.shape[1] // PHOTOGRAPH
    tiles = (
        sheet.reshape(rows, PHOTOGRAPH, columns, PHOTOGRAPH, 3).swapaxes(1, 2).reshape(-1, PHOTOGRAPH, PHOTOGRAPH, 3)
    )
    return tiles[:PHOTOGRAPHS]  # the sheet's last row is filled up


def _pictures(array: NDArray[np.uint8]) -> Iterable[Image.Image]:
    return (Image.fromarray(np.ascontiguousarray(image)) for image in array)


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))
