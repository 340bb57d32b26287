"""Results are whole or not there, and a place that cannot be written to is one line."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mnif_core.errors import OutputError
from mnif_core.files.atomic import whole_file, whole_files, whole_folder, write_json, writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/result.txt"
    with whole_file(path) as scratch:
        scratch.write_text("half")
        assert scratch.name == path.name and not path.exists()
        scratch.write_text("whole")
    assert path.read_text() == "whole" and names(path.parent) == ["result.txt"]


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_a_file_of_before_stays_where_the_next_fails(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "result.txt"
    path.write_text("before")
    with pytest.raises(type(error)), whole_file(path) as scratch:
        scratch.write_text("half")
        raise error
    assert path.read_text() == "before" and names(tmp_path) == ["result.txt"]


def test_files_appear_together_the_one_that_names_the_others_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order, replace = tmp_path / "car.obj", [], os.replace
    path.write_text("before")

    def noted(source: Path, target: Path) -> None:
        order.append(target.name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", noted)
    with pytest.raises(ValueError), whole_files(path) as scratch:
        (scratch.parent / "car.mtl").write_text("half")
        raise ValueError
    assert path.read_text() == "before" and names(tmp_path) == ["car.obj"] and not order
    with whole_files(path) as scratch:
        scratch.write_text("whole")
        for name in ("car.mtl", "z.png"):
            (scratch.parent / name).write_text(name)
    assert path.read_text() == "whole" and (tmp_path / "z.png").read_text() == "z.png"
    assert names(tmp_path) == ["car.mtl", "car.obj", "z.png"] and order == ["car.mtl", "z.png", "car.obj"]


def test_files_with_a_folder_in_the_way_are_all_left_out(tmp_path: Path) -> None:
    (tmp_path / "z.png").mkdir()
    with pytest.raises(OutputError, match=r"z.png: is a folder"), whole_files(tmp_path / "car.obj") as scratch:
        for name in ("car.obj", "car.mtl", "z.png"):
            (scratch.parent / name).write_text(name)
    assert names(tmp_path) == ["z.png"]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.raises(ValueError), whole_folder(path) as scratch:
        (scratch / "a").write_text("a")
        raise ValueError
    assert names(tmp_path) == []
    path.mkdir()  # an empty one is as good as none
    with whole_folder(path) as scratch:
        (scratch / "a").write_text("a")
        assert not names(path)
    assert names(path) == ["a"] and names(tmp_path) == ["model"]


def test_a_folder_that_holds_something_is_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds something already"), whole_folder(tmp_path):
        pytest.fail("began to write")
    with pytest.raises(OutputError, match="holds something already"), whole_folder(tmp_path / "thesis.txt"):
        pytest.fail("began to write")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_json_is_read_back_as_it_was(tmp_path: Path) -> None:
    content: dict[str, Any] = {"psnr": 21.5, "names": ["a", "b"], "none": None}
    assert json.loads(write_json(tmp_path / "figures.json", content).read_text()) == content


def test_content_that_is_no_json_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = write_json(tmp_path / "figures.json", 1)
    with pytest.raises(TypeError):
        write_json(path, {1, 2})
    assert json.loads(path.read_text()) == 1


def test_a_place_below_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written") as raised:
        write_json(tmp_path / "file/figures.json", 1)
    assert "\n" not in str(raised.value) and str(tmp_path / "file/figures.json") in str(raised.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_disk_or_read_only_place_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(OutputError, match="cannot be written .*make room") as raised, writing(tmp_path):
        raise OSError(number, "No space left on device")
    assert str(tmp_path) in str(raised.value)
    with pytest.raises(OutputError, match="of_others.bin"), writing(tmp_path):
        raise OSError(number, "No space left on device", "of_others.bin")


def test_other_errors_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "nothing").read_text()
