"""The surface alone of a mesh of any format, for solids: placed, whole, and without its pictures."""

import io
from pathlib import Path

import numpy as np
import pytest
import trimesh

from mnif_core.errors import DataError
from mnif_core.files.notes import collected_notes
from mnif_core.meshes.mesh_files import read_surface
from tests.core.meshes.plates import write_obj


@pytest.mark.parametrize("suffix", ["obj", "ply", "stl", "off", "glb", "gltf", "3mf", "dae"])
def test_surfaces_of_all_formats(suffix: str, tmp_path: Path) -> None:
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    if suffix == "dae":
        pytest.importorskip("collada")
    scene = trimesh.Scene(box)
    if suffix == "gltf":
        for name, content in scene.export(file_type="gltf").items():
            (tmp_path / ("mesh.gltf" if name == "model.gltf" else name)).write_bytes(content)
    else:
        box.export(tmp_path / f"mesh.{suffix}")
    vertices, triangles = read_surface(tmp_path / f"mesh.{suffix}")
    assert len(triangles) == 12 and triangles.max() == len(vertices) - 1
    np.testing.assert_allclose(np.sort(np.ptp(vertices, axis=0)), [1, 2, 3], atol=1e-6)
    assert trimesh.Trimesh(vertices, triangles).volume == pytest.approx(6)


def test_vertices_of_no_triangle_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 9 9 nan\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 2 3 4\n")
    vertices, triangles = read_surface(tmp_path / "a.obj")
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]] and triangles.tolist() == [[0, 1, 2]]


def test_pictures_are_not_asked_for(tmp_path: Path) -> None:
    with collected_notes() as notes:
        _, triangles = read_surface(write_obj(tmp_path, "map_Kd missing.png"))
    assert len(triangles) == 2 and not notes


def test_a_glb_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO(trimesh.creation.box().export(file_type="glb")).getvalue()
    claims = content[:12] + b"\xff\xff\xff\x7f" + content[16:]
    (tmp_path / "a.glb").write_bytes(claims)
    with pytest.raises(DataError, match="cut short"):
        read_surface(tmp_path / "a.glb")
