"""Tiny pictures with something to learn in them."""

from pathlib import Path

import numpy as np


def write_squares(path: Path, count: int) -> Path:
    """Write `count` pictures of 8 x 8 to the .npz `path`: a bright square somewhere on a coloured ground."""
    rng = np.random.default_rng(0)
    images = np.broadcast_to(rng.integers(0, 120, (count, 1, 1, 3), dtype=np.uint8), (count, 8, 8, 3)).copy()
    for image in images:
        row, column = rng.integers(0, 5, 2)
        image[row : row + 3, column : column + 3] = 230
    np.savez(path, images=images)
    return path
