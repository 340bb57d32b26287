"""`mnif export`: the output's name says what is written, `--instance` says of what."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import trimesh

from mnif_core.cli import main
from mnif_core.generative_field import GenerativeField
from tests.core.export.known_fields import blob, random_field


@pytest.fixture
def run(tmp_path: Path) -> Path:
    random_field("voxel", prior=True).save(tmp_path / "run" / "field")
    return tmp_path / "run"


def export(*arguments: object) -> None:
    assert main(["export", *map(str, arguments)]) == 0


def network(path: Path) -> bytes:
    return b"".join(constant.raw_data for constant in onnx.load(path).graph.initializer)


def test_instances_by_seed_index_name_and_mix(run: Path, tmp_path: Path) -> None:
    said = ["none", "sample:0", "sample:3", "train:1", "train:b", "between:a,b,1.0", "between:0,1,0.5"]
    found = {}
    for index, text in enumerate(said):
        path = tmp_path / f"{index}.onnx"
        export(run, path, *([] if text == "none" else ["--instance", text]))
        found[text] = network(path)
    assert found["none"] == found["sample:0"] != found["sample:3"]
    assert found["train:1"] == found["train:b"] == found["between:a,b,1.0"] != found["between:0,1,0.5"]


def test_latents_of_training_or_of_one(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "all.npz")
    export(run, tmp_path / "one.npz", "--instance", "train:c")
    field = GenerativeField.load(run / "field")
    with np.load(tmp_path / "all.npz") as file:
        assert file["names"].tolist() == ["a", "b", "c"]
        np.testing.assert_array_equal(file["latents"], field.latents)
    with np.load(tmp_path / "one.npz") as file:
        np.testing.assert_array_equal(file["latents"], field.latents[2:])


def test_meshes_clouds_and_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blob("scene").save(tmp_path / "field")
    export(tmp_path / "field", tmp_path / "mesh.glb", "--instance", "train:0", "--resolution", "24")
    assert trimesh.load_mesh(tmp_path / "mesh.glb").is_watertight
    export(tmp_path / "field", tmp_path / "cloud.ply", "--instance", "train:0", "--resolution", "24", "--points", "9")
    cloud: Any = trimesh.load(tmp_path / "cloud.ply")
    assert len(cloud.vertices) == 9
    export(tmp_path / "field", tmp_path / "shared")
    assert GenerativeField.load(tmp_path / "shared").names == ["blob_0", "blob_1"]
    assert str(tmp_path / "shared") in capsys.readouterr().out


def test_errors_are_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for arguments, message in (
        ([tmp_path / "gone", "a.glb"], "not found"),
        ([run, tmp_path / "a.stl"], "cannot write '.stl'; end it in .glb"),
        ([run, tmp_path / "a.npz", "--instance", "train:9"], "choose one of 0 to 2"),
        ([run, tmp_path / "a.npz", "--instance", "train:d"], "train:d"),
        ([run, tmp_path / "file" / "a.onnx"], "cannot be written"),
        ([run, run], "holds something already"),
    ):
        assert main(["export", *map(str, arguments)]) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "run"]


def test_help_explains(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert ".onnx" in text and "--frames-per-second" in text and "--instance" in text
