"""What of a picture is object, where all pictures of a set have one plain background.

Shape letters: j pixels.
"""

import numpy as np
from numpy.typing import NDArray

WHITE = np.full(3, 255, dtype=np.uint8)
TOLERANCE = 5  # of 255, of every channel, within which a pixel is background
PLAIN = 0.9  # share of the pixels at the pictures' borders that a plain background has at least


def border(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Outermost pixels `[j, 3]` of a picture `[height, width, 3]`."""
    sides = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return np.concatenate(sides)


def plain_colour(borders: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The colour `[3]` of a plain background, by the borders `[j, 3]` of pictures of a set.

    None: there is no such background. Near white is white: what was saved with losses.
    """
    usual = np.median(borders, axis=0).round().astype(np.uint8)
    if np.mean(~differs(borders, usual)) < PLAIN:
        return None
    return usual if differs(usual, WHITE) else WHITE


def differs(pixels: NDArray[np.uint8], colour: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether `pixels` `[..., 3]` are not of the background's `colour` `[3]`: `[...]`."""
    apart = np.maximum(pixels, colour) - np.minimum(pixels, colour)
    return np.asarray((apart > TOLERANCE).any(-1))
