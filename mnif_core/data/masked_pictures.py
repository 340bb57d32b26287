"""Views whose object a second picture, the mask, tells from all else: what it leaves out becomes background."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.files.picture_files import decode

WHITE = 255  # of 8 bits


def decode_view(picture: Path, mask: Path | None) -> NDArray[np.uint8]:
    """Pixels `[height, width, 3]` of a view over white.

    A mask's bright pixels, of more than half of its largest value, are kept; so masks of 0 and 1, and those that a
    JPEG has blurred, are read as they are meant.

    Raises:
        DataError: as `decode`; a mask of another size, or one that keeps nothing.
    """
    pixels = decode(picture)
    if mask is None:
        return pixels
    values = decode(mask, "black").max(-1)
    if values.shape != pixels.shape[:2]:
        raise DataError(
            f"{mask}: {values.shape[1]} x {values.shape[0]} pixels, its picture {pixels.shape[1]} x "
            f"{pixels.shape[0]}; write masks of the pictures' size"
        )
    if not values.any():
        raise DataError(f"{mask}: black all over, so nothing of its picture is kept; write it anew or remove the view")
    return np.where((values > values.max() // 2)[..., None], pixels, np.uint8(WHITE))
