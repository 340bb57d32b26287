"""A folder of meshes becomes a set of scenes: named, split, resumed, bad ones skipped."""

import zlib
from pathlib import Path

import pytest
import trimesh

from mnif_core.cli import main
from mnif_core.data.instances import read_instance
from mnif_core.data.mesh_scenes import RenderSettings, render_meshes
from mnif_core.data.scene_folders import list_instances
from mnif_core.errors import ConfigError, DataError


def write_meshes(root: Path) -> Path:
    (root / "deep").mkdir(parents=True)
    trimesh.creation.box((1, 2, 3)).export(root / "box.stl")
    trimesh.creation.icosphere(1).export(root / "deep" / "ball.ply")
    trimesh.creation.icosphere(1).export(root / "deep" / "ball.obj")
    (root / "torn.glb").write_bytes(b"glTF")
    return root


def test_meshes_become_scenes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meshes, out = write_meshes(tmp_path / "shapes"), tmp_path / "out"
    command = ["render-scenes", str(meshes), str(out), "--views", "3", "--size", "8", "--workers", "1"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "meshes: 3 rendered, 0 were there, 1 skipped" in said
    assert f"skipped: {meshes / 'torn.glb'}: not a readable mesh" in said
    instances = list_instances(out, None, "train")
    assert [i.name for i in instances] == ["box", "deep_ball_obj", "deep_ball_ply"]
    assert [len(read_instance(i).image_filenames) for i in instances] == [3, 3, 3]
    box = {p: p.read_bytes() for p in instances[0].rglob("*") if p.is_file()}
    for file in box:
        file.unlink()
    for folder in ("rgb", "pose", ""):
        (instances[0] / folder).rmdir()
    assert main(command) == 0
    assert "meshes: 1 rendered, 2 were there, 1 skipped" in capsys.readouterr().out
    assert {p: p.read_bytes() for p in instances[0].rglob("*") if p.is_file()} == box
    assert sorted(p.name for p in out.iterdir()) == ["render.json", "shapes_train"]
    with pytest.raises(ConfigError, match="of other settings"):
        render_meshes(meshes, out, RenderSettings(views=4, size=8))


def test_a_name_decides_its_split(tmp_path: Path) -> None:
    meshes = write_meshes(tmp_path / "shapes")
    names = ("box", "deep_ball_obj", "deep_ball_ply")
    draws = {name: zlib.crc32(f"split {name}".encode()) / 2**32 for name in names}
    share = sorted(draws.values())[1]  # the lowest one is below it
    render_meshes(meshes, tmp_path / "out", RenderSettings(views=1, size=8, test_share=share), workers=1)
    found = {i.name: split for split in ("train", "test") for i in list_instances(tmp_path / "out", None, split)}
    assert found == {name: "test" if draw < share else "train" for name, draw in draws.items()}


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no meshes here"):
        render_meshes(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ConfigError, match="at least 1 view"):
        RenderSettings(views=0)
    meshes = write_meshes(tmp_path / "shapes")
    (tmp_path / "file").write_text("")
    assert main(["render-scenes", str(meshes), str(tmp_path / "file" / "out")]) == 1
    error = capsys.readouterr().err
    assert "cannot be written" in error and error.count("\n") == 1


def test_what_is_left_out_is_said_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meshes = tmp_path / "shapes"
    meshes.mkdir()
    trimesh.creation.box((1, 2, 3)).export(meshes / "plain.stl")
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\n"
    for name in ("a", "b"):
        (meshes / f"{name}.obj").write_text(f"mtllib {name}.mtl\n{corners}usemtl x\nf 1/1 2/1 3/1\n")
        (meshes / f"{name}.mtl").write_text("newmtl x\nmap_Kd gone.png\nKe 1 1 1\n")
    (meshes / "c.FBX").write_text("")
    command = ["render-scenes", str(meshes), str(tmp_path / "out"), "--views", "1", "--size", "8", "--workers", "1"]
    assert main(command) == 0
    said = capsys.readouterr().out
    for name in ("a", "b"):
        assert said.count(f"note: {meshes / name}.obj: emission left out; texture 'gone.png' is missing\n") == 1
    assert f"skipped: {meshes / 'c.FBX'}: .FBX is not read; export it as .glb\n" in said
    assert "meshes: 3 rendered, 0 were there, 1 skipped, 2 with notes" in said
