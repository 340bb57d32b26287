"""One picture from disk, whole or not at all."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnif_core.errors import DataError

PICTURE_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for a damaged file."""


def decode(path: Path) -> NDArray[np.uint8]:
    """Pixels `[height, width, 3]`, transparency laid over white.

    Raises:
        DataError: truncated or damaged.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x89PNG") and b"IEND" not in content[-16:]:
            raise OSError("no end mark")  # Pillow does not miss it once all pixels are there
        with Image.open(io.BytesIO(content)) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                over = picture.convert("RGBA")
                return np.asarray(Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB"))
            return np.asarray(picture.convert("RGB"))
    except PICTURE_ERRORS as error:
        raise DataError(f"{path}: truncated or damaged picture; restore it, or remove the view and its pose") from error
