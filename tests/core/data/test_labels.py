"""Classes from a table, from arrays and from folders; what is wrong with them in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnif_core.data.labels import read_labels
from mnif_core.errors import DataError
from mnif_core.signals.images import ImageObservations

NAMES = [f"set_{i:06d}" for i in range(3)]


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "set.npz", images=np.zeros((3, 2, 2, 3), np.uint8), **arrays)
    return folder / "set.npz"


def table(folder: Path, text: str, encoding: str = "utf-8") -> None:
    (folder / "labels.csv").write_text(text, encoding=encoding)


@pytest.mark.parametrize(
    ("arrays", "labels"),
    [
        ({}, None),
        ({"label": np.array([2, 0, 2])}, ["2", "0", "2"]),
        ({"labels": np.array(["hat", "shoe", "hat"])}, ["hat", "shoe", "hat"]),
        ({"y": np.array([[1], [0], [1]], np.uint8)}, ["1", "0", "1"]),
        ({"y": np.array([b"hat", b"shoe", b"hat"])}, ["hat", "shoe", "hat"]),
        ({"label": np.array([1, 0, 1]), "classes": np.array(["hat", "shoe"])}, ["shoe", "hat", "shoe"]),
        ({"label": np.array([1, 0, 1]), "y": np.zeros(7, int)}, ["1", "0", "1"]),
        ({"y": np.zeros((3, 10))}, None),
        ({"y": np.zeros(3)}, None),
    ],
)
def test_arrays(arrays: dict[str, Any], labels: list[str] | None, tmp_path: Path) -> None:
    assert read_labels(saved(tmp_path, **arrays), NAMES) == labels


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["hat/a.png", "shoe/b.png", "shoe/left/c.png"], ["hat", "shoe", "shoe"]),
        (["hat/a.png", "hat/b.png", "hat/c.png"], None),
        (["hat/a.png", "shoe/b.png", "c.png"], None),
        (["a.png", "b.png", "c.png"], None),
    ],
)
def test_folders(names: list[str], labels: list[str] | None, tmp_path: Path) -> None:
    assert read_labels(tmp_path, names) == labels


def test_a_table_serves_every_kind_and_comes_first(tmp_path: Path) -> None:
    names = ["hat/a.png", "shoe/b.png", "c.png"]
    table(tmp_path, "\ufefflabel,name,more\nred,hat\\a.png,1\nblue,shoe/b.png,2\nred,c.png,3\nred,d.png,4\n")
    assert read_labels(tmp_path, names) == ["red", "blue", "red"]
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    table(scenes, "name,label\ncar_1,taxi\ncar_0,bus\n")
    assert read_labels(scenes, ["car_0", "car_1"]) == ["bus", "taxi"]
    solids = tmp_path / "solids"
    solids.mkdir()
    table(solids, "name,label\nset_000000,chair\nset_000001,bed\nset_000002,bed\n")
    assert read_labels(saved(solids, label=np.arange(3)), NAMES) == ["chair", "bed", "bed"]
    assert read_labels(saved(solids, label=np.arange(3)), ["other_0", "other_1", "other_2"]) == ["0", "1", "2"]


def test_what_has_no_file_has_no_labels(tmp_path: Path) -> None:
    assert read_labels(None, NAMES) is None
    assert read_labels([(np.zeros((2, 2, 3)), 1)], NAMES[:1]) is None
    np.save(tmp_path / "set.npy", np.zeros((3, 2, 2, 3), np.uint8))
    assert read_labels(tmp_path / "set.npy", NAMES) is None


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"label": np.array([0, 1])}, "2 entries in 'label' for 3 instances; save one for each, or none"),
        ({"label": np.array([0, 1, 2]), "classes": np.array(["a", "b"])}, "'label' from 0 to 2, but 2 'classes'"),
        ({"label": np.array([0, 1, 1]), "classes": np.zeros(2)}, "'classes' is float64 (2,); save one word for each"),
        ({"label": np.array([None, 1, 2])}, "holds pickled objects, which are never loaded"),
    ],
)
def test_bad_arrays(arrays: dict[str, Any], line: str, tmp_path: Path) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(DataError) as raised:
        read_labels(path, NAMES)
    assert str(raised.value).startswith(f"{path}: {line}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "its first line has no 'name' and 'label'; begin it with name,label"),
        ("file,class\na,b\n", "its first line has no 'name' and 'label'"),
        ("name,label\nset_000000,hat\n", "no label for set_000001 and 1 more; add a line for each"),
        ("name,label\nset_000000,hat\nset_000000,shoe\n", "two labels for set_000000; keep one"),
        ("name,label\nset_000000\n", "line 2 lacks a name or a label; complete it"),
        ("name,label\nset_000000,\n", "line 2 lacks a name or a label; complete it"),
    ],
)
def test_bad_tables(text: str, line: str, tmp_path: Path) -> None:
    table(tmp_path, text)
    with pytest.raises(DataError) as raised:
        read_labels(tmp_path, NAMES)
    assert str(raised.value).startswith(f"{tmp_path / 'labels.csv'}: {line}")


def test_a_table_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    table(tmp_path, "name,label\nset_000000,Hüte\n", "latin-1")
    with pytest.raises(DataError, match="labels.csv: not a readable table.*save it as UTF-8 text"):
        read_labels(tmp_path, NAMES)


def test_images_keep_their_labels_when_they_are_chosen_from() -> None:
    images = ImageObservations(torch.zeros(3, 2, 2, 3, dtype=torch.uint8), NAMES)
    assert images.labels is None and images.subset([1]).labels is None
    labelled = images.labelled(["a", "b", "c"])
    assert labelled.subset([2, 0]).labels == ["c", "a"]
    assert labelled.to(torch.device("cpu")).labels == ["a", "b", "c"]
