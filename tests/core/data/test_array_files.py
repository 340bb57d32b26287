"""Arrays are read as they were saved; what claims more than its file holds is refused before memory is asked for."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnif_core.data.array_files import read_array
from mnif_core.errors import DataError

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def npy(shape: tuple[int, ...], dtype: str = "<f4", content: bytes = bytes(96)) -> bytes:
    """An `.npy` file whose header says `shape`, whatever its content."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


def npz(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


@pytest.mark.parametrize("array", [VALUES, np.asfortranarray(VALUES), VALUES[:0], np.array(3.0), VALUES > 5])
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_arrays_come_back(array: Any, save: Any, tmp_path: Path) -> None:
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, array)
    read = read_array(path, "values")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype and read.shape == array.shape


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", npy((10**12,)), "not a whole array file"),
        ("a.npy", npy((10**9, 10**9, 10**9)), "not a whole array file"),
        ("a.npy", npy((-1, 4)), "not a whole array file"),
        ("a.npy", npy((25,)), "not a whole array file"),
        ("a.npy", npy((2,), "|O"), "pickled objects"),
        ("a.npy", b"", "not a whole array file"),
        ("a.npz", npz(values=npy((10**12,))), "not a whole array file"),
        ("a.npz", npz(values=npy((2,), "|O")), "pickled objects"),
        ("a.npz", npz(values=b"no array"), "not a whole array file"),
        ("a.npz", npz(one=npy((24,)), two=npy((24,))), "holds one, two; name the array to use 'values'"),
        ("a.npz", npz(), "holds nothing"),
        ("a.txt", b"", "cannot read '.txt'"),
    ],
)
def test_other_files_are_one_line(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_array(tmp_path / name, "values")
