"""Arrays from `.npy` and `.npz` files, never with pickled objects in them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError


def _required(loaded: Any) -> NDArray[Any]:
    """An archive's member, which numpy gives as bytes where it is no array.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(loaded, np.ndarray):
        raise ValueError("its member is no array")
    return loaded


def read_array(path: Path, key: str) -> NDArray[Any]:
    """The array of an `.npy` file; of an `.npz` file the one named `key`, or the only one there.

    Raises:
        DataError: another kind of file, a damaged one, pickled objects, or several arrays of which none is `key`.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        raise DataError(f"{path}: cannot read '{path.suffix}' files as arrays; pass a folder, an .npz or an .npy file")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            if key not in loaded.files and len(loaded.files) != 1:
                raise DataError(f"{path}: holds {', '.join(loaded.files)}; name the array to use '{key}'")
            return _required(loaded[key if key in loaded.files else loaded.files[0]])
    except DataError:
        raise
    except Exception as error:  # numpy and zipfile raise whatever damaged headers lead them to
        if "pickle" in str(error):
            raise DataError(f"{path}: holds pickled objects, which are never loaded; save plain arrays") from error
        raise DataError(f"{path}: not a whole array file ({' '.join(str(error).split())}); save it anew") from error
