"""Classes of instances, where the data tell: a table beside them, an array in their file, or the folders they lie in.

Shape letters: n instances.
"""

import csv
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.array_files import array_names, read_array
from mnif_core.errors import DataError, printable
from mnif_core.files.notes import tell

TABLE = "labels.csv"
COLUMNS = ("name", "label")
ARRAYS = ("label", "labels", "y")
CLASSES = "classes"


def read_labels(data: Any, names: Sequence[str]) -> list[str] | None:
    """The class of each instance, by the first of these that there is.

    - `labels.csv` in the folder of the data, or beside their file: columns `name` (as the run calls its instances: a
      path in the folder, a scene's folder, `<file>_000012`) and `label`.
    - In an `.npz` file `label`, `labels` or `y`, whole numbers or words `[n]`; `classes` there names the numbers.
    - Sub-folders, two or more, that all instances lie in: the uppermost one's name, as torchvision's ImageFolder.

    Args:
        data: as a reader of the modality takes it.
        names: of all instances that were read there, in its order.

    Returns:
        One for each name; none where nothing tells, as of data set objects and of demo sets.

    Raises:
        DataError: an unreadable table or array, another number of labels, or an instance without one.
    """
    if not isinstance(data, (str, Path)):
        return None
    path = Path(data)
    table = path / TABLE if path.is_dir() else path.with_name(TABLE)
    if table.is_file():
        found = _from_table(table, names)
        if found is not None:
            return found
    return _from_folders(names) if path.is_dir() else _from_arrays(path, len(names))


def _from_table(table: Path, names: Sequence[str]) -> list[str] | None:
    """None where the table knows no instance at all: it belongs to other data."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise DataError(f"{table}: its first line has no 'name' and 'label'; begin it with name,label")
            labels: dict[str, str] = {}
            for row in rows:
                name, label = ((row[column] or "").strip() for column in COLUMNS)
                if not name or not label:
                    raise DataError(f"{table}: line {rows.line_num} lacks a name or a label; complete it")
                if labels.setdefault(PurePath(name.replace("\\", "/")).as_posix(), label) != label:
                    raise DataError(f"{table}: two labels for {name}; keep one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not a readable table ({error}); save it as UTF-8 text") from error
    keys = [PurePath(name).as_posix() for name in names]
    missing = [key for key in keys if key not in labels]
    if len(missing) == len(keys):
        return None
    if missing:
        raise DataError(f"{table}: no label for {missing[0]} and {len(missing) - 1} more; add a line for each")
    return [labels[key] for key in keys]


def _from_arrays(path: Path, count: int) -> list[str] | None:
    there = array_names(path)
    key = next((key for key in ARRAYS if key in there), None)
    if key is None:
        return None
    array = read_array(path, key)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1 or array.dtype.kind not in "iubUS":
        tell(f"{path}: '{key}' is {array.dtype} {array.shape}, not a whole number or word an instance; no classes")
        return None
    if len(array) != count:
        raise DataError(f"{path}: {len(array)} entries in '{key}' for {count} instances; save one for each, or none")
    words = read_array(path, CLASSES) if CLASSES in there and array.dtype.kind in "iu" else None
    if words is None:
        return _words(array)
    if words.ndim != 1 or words.dtype.kind not in "US":
        raise DataError(f"{path}: '{CLASSES}' is {words.dtype} {words.shape}; save one word for each class")
    if count and not 0 <= array.min() <= array.max() < len(words):
        low, high = array.min(), array.max()
        raise DataError(f"{path}: '{key}' from {low} to {high}, but {len(words)} '{CLASSES}'; count classes from 0")
    named = _words(words)
    return [named[number] for number in array.tolist()]


def _words(array: NDArray[Any]) -> list[str]:
    text = np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array
    return [printable(word) for word in text.tolist()]


def _from_folders(names: Sequence[str]) -> list[str] | None:
    parts = [PurePath(name).parts for name in names]
    if not all(len(part) > 1 for part in parts):
        return None
    uppermost = [part[0] for part in parts]
    return uppermost if len(set(uppermost)) > 1 else None
