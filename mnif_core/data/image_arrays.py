"""Arrays, tensors and items of data set objects -> images of 8 bits."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mnif_core.errors import DataError
from mnif_core.files.notes import note
from mnif_core.files.picture_files import BACKGROUND, opaque
from mnif_core.files.picture_modes import unreadable


def as_images(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """`[n, height, width, 3]` of uint8 from `[n, height, width(, 1 or 3)]`, or from channels that come first.

    Raises:
        DataError: another shape, or as `as_bytes`; `where` names the array.
    """
    shape = array.shape
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and shape[-1] not in (1, 3) and shape[1] in (1, 3):
        note(f"{where}: shape {shape} read as [n, channels, height, width]")
        array = np.moveaxis(array, 1, -1)
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or 0 in array.shape[1:]:
        remedy = "lay RGBA over a background, then" if 4 in shape[1:] else "save images in that order, or"
        raise DataError(
            f"{where}: shape {shape} is not [n, height, width, 1 or 3]; {remedy} save [n, height, width, 3]"
        )
    array = as_bytes(array, where)
    return np.broadcast_to(array, (*array.shape[:3], 3))


def as_bytes(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Of uint8 from uint8, uint16 (by its range), bool, or floats in [0, 1].

    Raises:
        DataError: another type, floats outside [0, 1], or uint16 that holds no more than uint8 would.
    """
    if array.dtype == np.uint8 or array.size == 0:
        return array.astype(np.uint8)
    if array.dtype == bool:
        return array * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        if 1 < array.max() < 256:
            raise DataError(f"{where}: uint16 up to {array.max()}, nearly black of 65535; save uint8")
        return ((array.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{where}: type {array.dtype} is neither uint8 nor float; save uint8, or floats in [0, 1]")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise DataError(f"{where}: floats outside [0, 1]; scale them, or save uint8")
    return (array * 255).round().astype(np.uint8)


def picture_of_item(item: Any, where: str, background: str = BACKGROUND) -> Image.Image:
    """RGB image of an item of a data set object, transparency laid over `background`.

    Args:
        item: an image of any mode, a tensor `[1, 3 or 4, height, width]` or `[height, width]`, an array
            `[height, width(, 1, 3 or 4)]`; or a tuple that begins with one.
        where: names it in errors.
        background: a colour.

    Raises:
        DataError: something else, or as `as_bytes` and `rgba`.
    """
    image = item[0] if isinstance(item, (tuple, list)) and item else item
    if isinstance(image, Image.Image):
        try:
            image.load()
        except Exception as error:  # of a file that is read only now; Pillow raises whatever its decoders meet
            raise unreadable(where, error) from error
        return opaque(image, where, background)
    if isinstance(image, torch.Tensor):
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).numpy()
        image = np.moveaxis(image, 0, -1) if image.ndim == 3 else image
    if isinstance(image, np.ndarray):
        image = image[..., None] if image.ndim == 2 else image
        if image.ndim != 3 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
            raise DataError(f"{where} of the data set has shape {image.shape}; its channels must be 1, 3 or 4")
        pixels = np.ascontiguousarray(as_bytes(image, where))
        return opaque(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), where, background)
    raise DataError(f"{where} of the data set is a {type(image).__name__}; items must be images, or tuples of one")
