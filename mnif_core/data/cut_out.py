"""One object cut out of a picture with a transparent or plain background, as a square with the object in its middle."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnif_core.data.scene_folders import entries, is_instance
from mnif_core.data.silhouettes import border, differs, plain_colour
from mnif_core.errors import DataError
from mnif_core.files.notes import note
from mnif_core.files.picture_files import SUFFIXES, decode

FILLED = 0.8  # share of the square's side that the object has, where it is longest
NEAR = 0.02  # of the picture's longer side: parts with smaller gaps between them are of one object
SPECK = 0.02  # of the largest part: smaller ones are dirt
OTHER = 0.2  # of the largest part, from which on another part is another object
LEAST = 24  # pixels of an object

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CutOut:
    """An object alone.

    Attributes:
        name: of the picture's file, without suffix.
        picture: `[side, side, 3]` uint8, over the background asked for.
        share: `[side, side]` float32 in [0, 1], how much of each pixel is object.
        scale: pixels of the square for a pixel of the file.
        corner: x, y of the square's upper left corner, in pixels of the file.
        size: width, height of the file.
    """

    name: str
    picture: NDArray[np.uint8]
    share: NDArray[np.float32]
    scale: float
    corner: tuple[float, float]
    size: tuple[int, int]


def unposed_pictures(path: Path) -> list[Path]:
    """Pictures that come without cameras: a picture's file, or those of a folder that has no cameras in it, by name.

    None: the path has cameras, or no pictures.

    Raises:
        DataError: the folder cannot be read.
    """
    if path.is_dir() and not is_instance(path):
        return [entry for entry in entries(path) if entry.suffix.lower() in SUFFIXES]
    return [path] if path.is_file() and path.suffix.lower() in SUFFIXES else []


def cut_out(path: Path, side: int, background: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> CutOut:
    """Cut the object of a picture out.

    Args:
        path: of a picture that is transparent around its object, or of one colour there.
        side: of the square, in pixels.
        background: red, green, blue in [0, 1] to lay the object over.

    Raises:
        DataError: the file is no picture; its background is neither transparent nor plain; there is nothing before
            it, or more than one object.
    """
    over_black, opacity = _layers(path)
    filled = _object(path, opacity > 0.5)
    opacity = np.where(ndimage.binary_dilation(filled), opacity, 0.0)
    rows, columns = np.flatnonzero(filled.any(1)), np.flatnonzero(filled.any(0))
    height, width = filled.shape
    if rows[0] == 0 or columns[0] == 0 or rows[-1] == height - 1 or columns[-1] == width - 1:
        note(f"{path}: the object reaches the picture's edge; its camera may be found wrong")
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    half = 0.5 * extent / FILLED
    centre = 0.5 * (columns[0] + columns[-1] + 1), 0.5 * (rows[0] + rows[-1] + 1)
    corner = float(centre[0] - half), float(centre[1] - half)
    solid = np.dstack([over_black * (opacity > 0)[..., None], opacity]).astype(np.float32)
    small = np.dstack([_square(plane, corner, 2 * half, side) for plane in np.moveaxis(solid, -1, 0)])
    share = small[..., 3].clip(0.0, 1.0)
    colours = small[..., :3] + (1.0 - share[..., None]) * np.array(background, dtype=np.float32)
    picture = (colours.clip(0.0, 1.0) * 255).round().astype(np.uint8)
    return CutOut(path.stem, picture, share, float(side / (2 * half)), corner, (width, height))


def _layers(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The object over black `[height, width, 3]` and its opacity `[height, width]`, both in [0, 1]."""
    over_white, over_black = decode(path), decode(path, "black")
    unit: NDArray[np.float32] = np.divide(over_black, 255, dtype=np.float32)
    clear: NDArray[np.float32] = (np.divide(over_white, 255, dtype=np.float32) - unit).max(-1)
    if clear.any():
        return unit, np.subtract(1, clear, dtype=np.float32)
    colour = plain_colour(border(over_white))
    if colour is None:
        raise DataError(
            f"{path}: its background is neither transparent nor of one colour; cut the object out, or photograph it "
            "before a plain wall"
        )
    return unit, differs(over_white, colour).astype(np.float32)


def _object(path: Path, filled: Mask) -> Mask:
    """Of what is `filled` `[height, width]`, the one object, without dirt."""
    if np.count_nonzero(filled) < LEAST or filled.all():
        raise DataError(f"{path}: no object before a background; pass a picture of one, plain around it")
    reach = max(1, round(NEAR * max(filled.shape)))
    joined, count = ndimage.label(ndimage.maximum_filter(filled, 2 * reach + 1))
    sizes = np.bincount(joined[filled], minlength=count + 1)
    large = np.flatnonzero(sizes > OTHER * sizes.max())
    if len(large) > 1:
        raise DataError(f"{path}: {len(large)} objects apart; pass a picture of one")
    return filled & (sizes > SPECK * sizes.max())[joined]


def _square(plane: NDArray[np.float32], corner: tuple[float, float], extent: float, side: int) -> NDArray[np.float32]:
    """A square of a plane in `side` pixels, 0 beyond its edges."""
    shift = [max(0, int(np.ceil(-corner[axis]))) + 1 for axis in (1, 0)]
    beyond = [max(0, int(np.ceil(corner[1 - axis] + extent - plane.shape[axis]))) + 1 for axis in (0, 1)]
    padded = np.pad(plane, list(zip(shift, beyond, strict=True)))
    left, top = corner[0] + shift[1], corner[1] + shift[0]
    box = (left, top, left + extent, top + extent)
    method = Image.Resampling.BOX if extent >= side else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(padded).resize((side, side), method, box=box))
