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
from mnif_core.data.picture_files import PICTURE_ERRORS
from mnif_core.errors import DataError
from mnif_core.signals.images import ImageObservations

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
PHOTOGRAPHS, PHOTOGRAPH = 876, 64  # how many are bundled, and the side of each in pixels


def load_images(data: Any, size: int, skip_bad: bool = False) -> ImageObservations:
    """Images of `data` as squares of `size` pixels: centre crop, then resize (Lanczos).

    Args:
        data: a folder (searched with all below it), an `.npz` or `.npy` file with one array
            `[n, height, width(, 1 or 3)]` of uint8 or of floats in [0, 1], a data set object as of torchvision (items
            are images, or tuples that begin with one), or none for the bundled photographs.
        size: height and width in pixels.
        skip_bad: leave unreadable images out and say how many, instead of stopping at the first.

    Raises:
        DataError: nothing there, an unreadable image, an array of another shape or type.
    """
    if data is None:
        return _observations(_pictures(demo_photographs()), size, "photograph")
    if not isinstance(data, (str, Path)):
        return _observations((_from_item(i, data[i]) for i in range(len(data))), size, "image")
    path = Path(data)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; pass a folder of images, an .npz or an .npy file")
    if path.is_dir():
        squares, names = read_folder(path, SUFFIXES, lambda file: _read_image(file, size), "images", skip_bad)
        return ImageObservations(torch.from_numpy(np.stack(squares)), names)
    return _observations(_pictures(_checked(path, read_array(path, "images"))), size, path.stem)


def demo_photographs() -> NDArray[np.uint8]:
    """The bundled photographs of t-shirts (CC0), uint8 `[n, 64, 64, 3]`, cut from one sheet."""
    with resources.files("mnif_core.data.demo").joinpath("photographs.webp").open("rb") as file:
        sheet = np.asarray(Image.open(file).convert("RGB"))
    rows, columns = sheet.shape[0] // PHOTOGRAPH, sheet.shape[1] // PHOTOGRAPH
    tiles = (
        sheet.reshape(rows, PHOTOGRAPH, columns, PHOTOGRAPH, 3).swapaxes(1, 2).reshape(-1, PHOTOGRAPH, PHOTOGRAPH, 3)
    )
    return tiles[:PHOTOGRAPHS]  # the sheet's last row is filled up


def _read_image(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return _square(image.convert("RGB"), size)
    except PICTURE_ERRORS as error:
        raise DataError(f"{path}: not a readable image ({' '.join(str(error).split())}); replace it") from error


def _observations(pictures: Iterable[Image.Image], size: int, name: str) -> ImageObservations:
    squares = [_square(picture, size) for picture in pictures]
    if not squares:
        raise DataError(f"{name}: holds no images; pass a set with at least two")
    return ImageObservations(torch.from_numpy(np.stack(squares)), [f"{name}_{i:06d}" for i in range(len(squares))])


def _checked(path: Path, array: NDArray[Any]) -> NDArray[np.uint8]:
    """`[n, height, width, 3]` of uint8 from what a file may hold."""
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3):
        raise DataError(f"{path}: shape {array.shape} is not [n, height, width, 1 or 3]; save images in that order")
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            raise DataError(f"{path}: type {array.dtype} is neither uint8 nor float; save uint8, or floats in [0, 1]")
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise DataError(f"{path}: floats outside [0, 1]; scale them, or save uint8")
        array = (array * 255).round().astype(np.uint8)
    return np.broadcast_to(array, (*array.shape[:3], 3))


def _pictures(array: NDArray[np.uint8]) -> Iterable[Image.Image]:
    return (Image.fromarray(np.ascontiguousarray(image)) for image in array)


def _from_item(index: int, item: Any) -> Image.Image:
    image = item[0] if isinstance(item, (tuple, list)) else item
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    if isinstance(image, torch.Tensor) and image.ndim == 3 and image.shape[0] in (1, 3):
        array = _checked(Path(f"item {index}"), image.permute(1, 2, 0)[None].cpu().numpy())
        return Image.fromarray(np.ascontiguousarray(array[0]))
    raise DataError(f"item {index} of the data set is a {type(image).__name__}; items must be images, or tuples of one")


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS, box=box))
