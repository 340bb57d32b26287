"""sRGB's transfer function (IEC 61966-2-1): pictures are encoded by it, glTF's colour factors are not."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def to_linear(encoded: Array) -> Array:
    """Linear light of encoded values, both in [0, 1]."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def from_linear(linear: Array) -> Array:
    """Encoded values of linear light, both in [0, 1]."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
