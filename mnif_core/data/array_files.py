"""Arrays from `.npy` and `.npz` files, never with pickled objects in them, never larger than what the file holds."""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mnif_core.errors import DataError, printable

HEADERS: dict[tuple[int, int], Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_array(path: Path, key: str) -> NDArray[Any]:
    """The array of an `.npy` file; of an `.npz` file the one named `key`, or the only one there. Not to be written to.

    Raises:
        DataError: another kind of file, a damaged one, pickled objects, or several arrays of which none is `key`.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        raise DataError(f"{path}: cannot read '{path.suffix}' files as arrays; pass a folder, an .npz or an .npy file")
    try:
        if zipfile.is_zipfile(path):
            return _member(path, key)
        with path.open("rb") as stream:
            dtype, shape, order = _header(path, stream)
            start = stream.tell()
        if not math.prod(shape):
            return np.zeros(shape, dtype)
        return np.asarray(np.memmap(path, dtype, "r", start, shape, order))  # of no file that is shorter
    except DataError:
        raise
    except Exception as error:  # numpy, mmap and zipfile raise whatever damaged headers lead them to
        reason = printable(" ".join(str(error).split()), 200)
        raise DataError(f"{path}: not a whole array file ({reason}); save it anew") from error


def array_names(path: Path) -> list[str]:
    """Names of the arrays in an `.npz` file; none of any other.

    Raises:
        DataError: a damaged one.
    """
    if path.suffix.lower() != ".npz" or not zipfile.is_zipfile(path):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a whole array file ({error}); save it anew") from error


def _member(path: Path, key: str) -> NDArray[Any]:
    """The array `key`, or the only one, of an archive."""
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if key not in names and len(names) != 1:
            held = printable(", ".join(names) or "nothing", 200)
            raise DataError(f"{path}: holds {held}; name the array to use '{key}'")
        content = archive.read(names[key] if key in names else next(iter(names.values())))
    stream = io.BytesIO(content)
    dtype, shape, order = _header(path, stream)
    return np.ndarray(shape, dtype, content, stream.tell(), order=order)  # of no content that is shorter


def _header(path: Path, stream: Any) -> tuple[np.dtype[Any], tuple[int, ...], Any]:
    """Type, shape and order of an array, the stream left where its values start."""
    shape, by_columns, dtype = HEADERS[npy.read_magic(stream)](stream)
    if dtype.hasobject:
        raise DataError(f"{path}: holds pickled objects, which are never loaded; save plain arrays")
    if any(side < 0 for side in shape) or not math.prod(side or 1 for side in shape) < 1 << 62:
        raise ValueError(f"shape {shape}")
    return dtype, shape, "F" if by_columns else "C"
