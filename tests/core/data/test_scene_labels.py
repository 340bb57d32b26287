"""Classes of scenes from a table or from folders; which folders of folders are scenes sorted by class."""

from pathlib import Path

import pytest

from mnif_core.data.scene_folders import list_instances
from mnif_core.data.scene_labels import read_scene_labels
from mnif_core.errors import DataError


def scenes(root: Path, *paths: str) -> Path:
    """Folders that look like scenes."""
    for path in paths:
        (root / path / "rgb").mkdir(parents=True)
    return root


def labels_of(root: Path) -> dict[str, str] | None:
    instances = list_instances(root, None, "train")
    found = read_scene_labels(root, instances)
    return None if found is None else {path.name: label for path, label in zip(instances, found, strict=True)}


def test_scenes_sorted_into_folders_are_found_and_labelled_by_them(tmp_path: Path) -> None:
    root = scenes(tmp_path / "set", "chairs/one", "chairs/two", "tables/three", "tables/four")
    (root / "notes").mkdir()
    assert [path.name for path in list_instances(root, None, "train")] == ["one", "two", "four", "three"]
    assert labels_of(root) == {"one": "chairs", "two": "chairs", "three": "tables", "four": "tables"}


def test_a_split_may_be_sorted_too(tmp_path: Path) -> None:
    root = scenes(tmp_path / "set", "things_train/chairs/one", "things_train/tables/two", "things_test/chairs/three")
    assert labels_of(root) == labels_of(root / "things_train") == {"one": "chairs", "two": "tables"}
    with pytest.raises(DataError, match="no instance here"):
        list_instances(root, None, "test")


@pytest.mark.parametrize("place", [".", "cars_train"])
def test_a_table_in_the_folder_or_beside_the_scenes(place: str, tmp_path: Path) -> None:
    root = scenes(tmp_path / "set", "cars_train/a", "cars_train/b", "cars_test/c")
    assert labels_of(root) is None
    (root / place / "labels.csv").write_text("name,label\nb,bus\na,taxi\n")
    assert labels_of(root) == {"a": "taxi", "b": "bus"}


def test_a_table_goes_before_folders_and_may_name_paths(tmp_path: Path) -> None:
    root = scenes(tmp_path / "set", "chairs/one", "tables/two")
    (root / "labels.csv").write_text("name,label\nchairs/one,red\ntables/two,blue\n")
    assert labels_of(root) == {"one": "red", "two": "blue"}
    (root / "labels.csv").write_text("name,label\none,soft\ntwo,hard\n")
    assert labels_of(root) == {"one": "soft", "two": "hard"}
    (root / "labels.csv").write_text("name,label\none,soft\n")
    with pytest.raises(DataError, match="labels.csv: no label for two and 0 more"):
        labels_of(root)


def test_one_scene_or_one_folder_has_no_labels(tmp_path: Path) -> None:
    root = scenes(tmp_path / "set", "chairs/one", "chairs/two")
    assert labels_of(root / "chairs") is None and labels_of(root / "chairs/one") is None
    with pytest.raises(DataError, match="no instance here"):
        list_instances(root, None, "train")


def test_two_scenes_of_one_name_are_one_line(tmp_path: Path) -> None:
    root = scenes(tmp_path / "set", "chairs/one", "tables/one")
    with pytest.raises(DataError) as caught:
        list_instances(root, None, "train")
    said = str(caught.value)
    assert said.startswith(f"{root}/tables/one: has the name of {root}/chairs/one; rename one") and "\n" not in said
