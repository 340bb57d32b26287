"""Pixels of any kind that Pillow knows -> 8-bit RGBA, so that white is white whatever numbers a file keeps it in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnif_core.errors import DataError
from mnif_core.files.notes import note

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
OF_16_BITS = ("PNG", "PPM")  # formats whose whole numbers are of 16 bits, though Pillow may keep them in 32
STEPS = {"La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}
BITS_PER_SAMPLE, PHOTOMETRIC, PLANES = 258, 262, 284  # tags of TIFF
WHITE_IS_ZERO, SEPARATE = 0, 2  # their values


def rgba(picture: Image.Image, where: str) -> NDArray[np.uint8]:
    """8-bit RGBA `[height, width, 4]`: whole numbers scaled by their type's range, floats taken as 0 black to 1 white.

    Args:
        picture: of any mode, as opened (a copy no longer knows its file's format). Profiles and orientation are left
            alone.
        where: names it in errors.

    Raises:
        DataError: floats outside [0, 1], or whole numbers of 32 bits, which nothing says how to scale; damaged.
    """
    tags = _tags(picture)
    if tags.get(PLANES) == SEPARATE and max(tags.get(BITS_PER_SAMPLE, (8,))) > 8:  # Pillow mixes their bytes up
        raise DataError(f"{where}: a plane of 16 bits for each colour; save the colours interleaved, or as .png")
    try:
        if picture.mode in SIXTEEN_BITS:
            return _sixteen_bits(picture, where)
        if picture.mode == "F":
            return _floats(picture, where)
        if picture.mode == "I":
            return _whole_numbers(picture, where)
        if picture.mode in STEPS:
            picture = picture.convert(STEPS[picture.mode])
        return np.array(picture.convert("RGBA"))
    except DataError:
        raise
    except Exception as error:  # Pillow raises whatever its decoders meet
        raise unreadable(where, error) from error


def unreadable(where: str, error: Exception) -> DataError:
    """The one line for a picture that cannot be decoded."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{where}: truncated or damaged picture ({reason}); restore it, or remove it")


def _sixteen_bits(picture: Image.Image, where: str) -> NDArray[np.uint8]:
    grey = np.asarray(picture).astype(np.uint32)
    tags = _tags(picture)
    white = 2 ** tags.get(BITS_PER_SAMPLE, (16,))[0] - 1
    alpha = np.where(grey == picture.info.get("transparency"), 0, 255)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        grey = white - grey
    if 0 < grey.max(initial=0) <= white // 256:
        note(f"{where}: nearly black, its brightest {grey.max()} of {white}; scale it if it was kept in fewer bits")
    return _grey((grey * 255 + white // 2) // white, alpha)


def _whole_numbers(picture: Image.Image, where: str) -> NDArray[np.uint8]:
    grey = np.asarray(picture)
    if getattr(picture, "format", None) not in OF_16_BITS:
        raise DataError(f"{where}: whole numbers of 32 bits, of which none is white; save 8 or 16 bits")
    return _grey((grey.clip(0, 65535).astype(np.int64) * 255 + 32767) // 65535)


def _floats(picture: Image.Image, where: str) -> NDArray[np.uint8]:
    grey = np.asarray(picture)
    if not np.isfinite(grey).all():
        raise DataError(f"{where}: not all of its floats are finite; save floats from 0 (black) to 1 (white)")
    if grey.size and (grey.min() < 0 or grey.max() > 1):
        raise DataError(
            f"{where}: floats from {grey.min():.4g} to {grey.max():.4g}; scale them, all pictures by one factor, "
            "to 0 (black) to 1 (white), or save 8 or 16 bits"
        )
    if _tags(picture).get(PHOTOMETRIC) == WHITE_IS_ZERO:
        grey = 1 - grey
    return _grey((grey * 255).round())


def _tags(picture: Image.Image) -> Any:
    return getattr(picture, "tag_v2", {})


def _grey(grey: NDArray[Any], alpha: NDArray[Any] | int = 255) -> NDArray[np.uint8]:
    pixels = np.empty((*grey.shape, 4), dtype=np.uint8)
    pixels[..., :3], pixels[..., 3] = grey[..., None], alpha
    return pixels
