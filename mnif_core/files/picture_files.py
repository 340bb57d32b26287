"""One picture from disk, whole or not at all, as a person sees it: upright, in sRGB, over one background."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, UnidentifiedImageError

from mnif_core.errors import ConfigError, DataError
from mnif_core.files.notes import note
from mnif_core.files.picture_modes import rgba, unreadable
from mnif_core.files.picture_profiles import in_srgb

SUFFIXES = {
    f".{name}"
    for name in ["png", "jpg", "jpeg", "jfif", "webp", "avif", "bmp", "tif", "tiff", "gif", "ppm", "pgm", "pbm"]
}
"""Of the pictures that are read, in lower case."""
APPLE = {".heic", ".heif"}  # refused, and not left out in silence
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")  # none that starts a program
PLAIN = {"RGB", "1", "L", "CMYK", "YCbCr"}  # modes without transparency that Pillow turns into RGB by itself
BACKGROUND = "white"
FREE_PIXELS = 1 << 22  # a header may claim as many, however small its file;
PIXELS_PER_BYTE = 1024  # beyond, as many as the best packed picture holds
ORIENTED = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}  # where Pillow finds the orientation
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF's orientation


def checked_background(name: str) -> str:
    """A colour's name as CSS has it (`white`, `#808080`), if it is one.

    Raises:
        ConfigError: it is not.
    """
    try:
        opaque_colour = len(ImageColor.getrgb(name)) == 3
    except (ValueError, TypeError, AttributeError):
        opaque_colour = False
    if not opaque_colour:
        raise ConfigError(f"background {name}: no colour; choose white, black, or one like #808080")
    return name


def decode(path: Path, background: str = BACKGROUND) -> NDArray[np.uint8]:
    """Pixels `[height, width, 3]` of a file; see `read_picture`."""
    return np.asarray(read_picture(path, background))


def read_picture(path: Path, background: str = BACKGROUND) -> Image.Image:
    """A file as 8-bit RGB in sRGB: turned as EXIF says, transparency laid over `background`, the first of several.

    Raises:
        DataError: missing, empty, truncated, damaged, no picture, or one without a scale (see `rgba`).
    """
    content = _content(path)
    if content.startswith(b"\x89PNG") and b"IEND" not in content:  # Pillow does not miss it once all pixels are there
        raise unreadable(str(path), EOFError("no end mark"))
    try:
        with _opened(path, content) as picture:
            picture.load()
            seen = opaque(picture, str(path), background)
            turn = TURNS.get(_orientation(picture, path))
            if getattr(picture, "is_animated", False) and picture.format != "MPO":  # whose others are previews
                note(f"{path}: an animation or several pages, of which the first is read")
            return seen if turn is None else seen.transpose(turn)
    except DataError:
        raise
    except Exception as error:  # Pillow raises whatever its decoders meet
        raise unreadable(str(path), error) from error


def opaque(picture: Image.Image, where: str, background: str = BACKGROUND) -> Image.Image:
    """A picture of any mode as 8-bit RGB in sRGB, transparency laid over `background`; not turned.

    Raises:
        DataError: see `rgba`; `where` names it.
    """
    if picture.mode not in PLAIN or picture.format == "TIFF" or "transparency" in picture.info:
        seen = Image.fromarray(rgba(picture, where))
    else:
        seen = picture if picture.mode == "RGB" else picture.convert("RGB")
    if "icc_profile" in picture.info:
        seen = in_srgb(seen, picture, where)
    if seen.mode == "RGBA":
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, background), seen).convert("RGB")
    return seen


def image_size(path: Path) -> tuple[int, int]:
    """Width and height as `read_picture` has them, without decoding.

    Raises:
        DataError: missing, or not a picture.
    """
    try:
        content = _content(path)
        with _opened(path, content) as picture:
            if picture.format == "PNG" and b"eXIf" in content:
                picture.load()  # it may lie behind the pixels
            width, height = picture.size
            return (height, width) if _orientation(picture, path) >= 5 else (width, height)
    except DataError:
        raise
    except Exception as error:
        raise unreadable(str(path), error) from error


def common_size(pictures: Sequence[Path]) -> tuple[int, int]:
    """Width and height of all `pictures`, without decoding.

    Raises:
        DataError: not a picture, or one of another size than most.
    """
    return one_size(pictures, [image_size(picture) for picture in pictures], "views")


def one_size(paths: Sequence[Path], sizes: Sequence[tuple[int, int]], what: str) -> tuple[int, int]:
    """The width and height that all of `sizes` are.

    Args:
        paths: of the things that have them.
        sizes: (width, height) in pixels, one each.
        what: plural name of the things.

    Raises:
        DataError: several; it names the first thing that is not like most.
    """
    (usual, most), *others = Counter(sizes).most_common()
    if others:
        odd = next(index for index, size in enumerate(sizes) if size != usual)
        (width, height), like = sizes[odd], paths[sizes.index(usual)]
        tie = f" (as many, {like} first, are of the one size as of the other)" if others[0][1] == most else ""
        raise DataError(
            f"{paths[odd]}: {width} x {height} pixels among {what} of {usual[0]} x {usual[1]}; "
            f"bring all to one size{tie}"
        )
    return usual


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); restore it or its permissions") from error
    if not content:
        raise DataError(f"{path}: empty; restore or remove it")
    return content


def _opened(path: Path, content: bytes) -> Any:
    """The picture, its header read and believed."""
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not a readable picture ({_kind(content)}); restore or remove it") from error
    width, height = picture.size
    if width * height > max(FREE_PIXELS, PIXELS_PER_BYTE * len(content)):
        raise DataError(
            f"{path}: not a readable picture ({width} x {height} pixels claimed by {len(content)} bytes); "
            "restore or remove it"
        )
    if picture.format == "PNG" and "transparency" in picture.info:
        _scale_clear(picture, content[24])
    return picture


def _scale_clear(picture: Image.Image, depth: int) -> None:
    """The transparent colour of a PNG of `depth` bits, which Pillow leaves in the file's units, in the pixels'."""
    clear = picture.info["transparency"]
    if picture.mode == "RGB" and depth == 16:
        picture.info["transparency"] = tuple(value >> 8 for value in clear)
    elif picture.mode == "L" and depth < 8:
        picture.info["transparency"] = clear * (255 // (2**depth - 1))


def _kind(content: bytes) -> str:
    """What a file is that is not read."""
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "HEIC; save it as .jpg or .png"
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "a TIFF of a kind that is not read, as are floats in colour; save it as .png"
    return "its content is of no format that is read"


def _orientation(picture: Image.Image, path: Path) -> int:
    """EXIF's, from 1 to 8; Pillow turns TIFF by itself."""
    if picture.format == "TIFF" or not ORIENTED & picture.info.keys():
        return 1
    try:
        orientation = picture.getexif().get(0x0112, 1)
        return orientation if orientation in TURNS else 1
    except Exception:  # Pillow raises whatever damaged EXIF leads it to
        note(f"{path}: its EXIF is damaged; taken as upright")
        return 1
