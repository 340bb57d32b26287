"""glTF files as people bring them: what stands where, as Blender shows it, or the one line that says what is wrong."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnif_core.errors import DataError
from tests.core.meshes.plates import (
    BLUE,
    CORNERS,
    GREEN,
    ORDER,
    QUARTERS,
    RED,
    UV,
    YELLOW,
    Glb,
    about,
    four,
    png,
    read,
    textured,
)

LIGHT = np.array([0.5, 0.1022, 0.0116])  # (188, 90, 28) as displayed
SHOWN = (188, 90, 28)
GREY = (179, 179, 179)


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("t.png", "t.png"),
        ("my%20t.png", "my t.png"),
        ("tex\\t.png", "tex/t.png"),
        ("T.PNG", "t.png"),
        ("data:image/png;base64," + base64.b64encode(png(QUARTERS)).decode(), None),
        ("gone.png", None),
    ],
)
def test_files_beside(uri: str, file: str | None, tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, b"")
    glb.json["images"] = [{"uri": uri}]
    glb.write(tmp_path / "plate.glb", primitive)
    glb.json["buffers"][0]["uri"] = "the%20rest.bin"
    (tmp_path / "the rest.bin").write_bytes(glb.binary)
    (tmp_path / "plate.gltf").write_bytes(b"\xef\xbb\xbf" + json.dumps(glb.json).encode())
    if file is not None:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(png(QUARTERS))
    for kind in ("glb", "gltf"):
        mesh, note = read(tmp_path / f"plate.{kind}")
        if uri == "gone.png":
            assert four(mesh) == [(255, 255, 255)] * 4 and note == "texture 'gone.png' is missing"
        else:
            assert four(mesh) == ORDER and note == ""
    (tmp_path / "the rest.bin").unlink()
    with pytest.raises(DataError, match="'the%20rest.bin' is missing"):
        read(tmp_path / "plate.gltf")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([{"mesh": 0}], ORDER),
        ([{"mesh": 0, "scale": [2, 2, 2], "translation": [1, 2, 3]}], ORDER),
        ([{"mesh": 0, "scale": [-1, 1, 1]}], [GREEN, RED, YELLOW, BLUE]),
        ([{"mesh": 0, "scale": [1, 1, -3]}], [BLUE, YELLOW, RED, GREEN]),
        ([{"mesh": 0, "rotation": [0, 1, 0, 0]}], [YELLOW, BLUE, GREEN, RED]),
        ([{"mesh": 0, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 0, 0, 1]}], [GREEN, RED, YELLOW, BLUE]),
        ([{"children": [1], "scale": [1, 1, -1]}, {"mesh": 0, "scale": [-1, 1, 1]}], [YELLOW, BLUE, GREEN, RED]),
    ],
)
def test_nodes(nodes: list[dict[str, Any]], expected: list[Any], tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, png(QUARTERS))
    primitive["attributes"]["NORMAL"] = glb.array(np.tile(np.array([0, -1, 0], np.float32), (4, 1)))
    glb.json |= {"nodes": nodes, "scenes": [{"nodes": [0]}]}
    mesh, note = read(glb.write(tmp_path / "plate.glb", primitive))
    assert four(mesh) == expected and note == ""
    across = np.cross(*(mesh.vertices[mesh.triangles][:, 1:] - mesh.vertices[mesh.triangles][:, :1]).swapaxes(0, 1))
    assert (across[:, 1] < 0).all() and (mesh.normals[..., 1] < -0.99).all()  # outside is outside, mirrored or not


def test_several_meshes_and_materials(tmp_path: Path) -> None:
    glb = Glb()
    colours = [RED, GREEN, BLUE]
    glb.json["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": [c / 255 for c in x] + [1]}} for x in colours]
    plates = [glb.plate() | {"material": index} for index in range(3)]
    glb.json["meshes"] = [{"primitives": plates[:1]}, {"primitives": [plates[1]]}]
    glb.json["nodes"] = [
        {"mesh": 0, "translation": [-1, 0, 1]},
        {"mesh": 1, "translation": [1, 0, 1]},
        {"children": [3, 4]},
        {"mesh": 0, "translation": [1, 0, -1]},
        {"mesh": 2, "translation": [-1, 0, -1]},
        {"mesh": 2, "translation": [90, 0, 0]},
    ]
    glb.json["meshes"].append({"primitives": [plates[2]]})
    glb.json |= {"scenes": [{"nodes": [5]}, {"nodes": [0, 1, 2]}], "scene": 1}
    assert four(read(glb.write(tmp_path / "plates.glb"))[0]) == [RED, GREEN, BLUE, RED]


@pytest.mark.parametrize(("mode", "index"), [(4, [0, 1, 2, 0, 2, 3]), (5, [0, 1, 3, 2]), (6, [0, 1, 2, 3])])
@pytest.mark.parametrize("indexed", [True, False])
def test_strips_and_fans(mode: int, index: list[int], indexed: bool, tmp_path: Path) -> None:
    glb = Glb()
    primitive: dict[str, Any] = {"mode": mode, "attributes": {"POSITION": glb.array(CORNERS)}}
    if indexed:
        primitive["indices"] = glb.array(np.array(index, np.uint8))
    else:
        primitive["attributes"]["POSITION"] = glb.array(CORNERS[index])
    mesh, _ = read(glb.write(tmp_path / "plate.glb", primitive))
    assert four(mesh) == [about(GREY)] * 4
    assert len(mesh.triangles) == 2 and (mesh.normals[..., 1] < -0.99).all()


def test_sparse_and_interleaved_and_quantised(tmp_path: Path) -> None:
    glb = Glb()
    moved = CORNERS.copy()
    moved[2:] = 7
    position = glb.array(moved)
    glb.json["accessors"][position]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": glb.view(np.array([2, 3], np.uint8).tobytes()), "componentType": 5121},
        "values": {"bufferView": glb.view(CORNERS[2:].tobytes())},
    }
    both = np.concatenate([UV * [1, -1] + [0, 1], np.tile(LIGHT, (4, 1))], 1).astype(np.float32)
    view = glb.view(both.tobytes())
    glb.json["bufferViews"][view]["byteStride"] = 20
    for kind, start in (("VEC2", 0), ("VEC3", 8)):
        item = {"bufferView": view, "byteOffset": start, "componentType": 5126, "count": 4, "type": kind}
        glb.json["accessors"].append(item)
    primitive: dict[str, Any] = {"attributes": {"POSITION": position, "COLOR_0": 2}}
    primitive["indices"] = glb.array(np.array([0, 1, 2, 0, 2, 3], np.uint32))
    mesh, _ = read(glb.write(tmp_path / "plate.glb", primitive))
    assert four(mesh) == [about(SHOWN)] * 4
    glb = Glb()
    small = np.pad((CORNERS * 127).astype(np.int8), ((0, 0), (0, 1)))
    view = glb.view(small.tobytes())
    glb.json["bufferViews"][view]["byteStride"] = 4
    glb.json["accessors"].append({"bufferView": view, "componentType": 5120, "count": 4, "type": "VEC3"})
    glb.json["extensionsRequired"] = ["KHR_mesh_quantization"]
    mesh, _ = read(glb.write(tmp_path / "small.glb", {"attributes": {"POSITION": 0}, "mode": 6}))
    assert four(mesh) == [about(GREY)] * 4


def test_joints_and_morphs_stand_as_the_file_says(tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, png(QUARTERS))
    weights = np.tile(np.array([1, 0, 0, 0], np.float32), (4, 1))
    primitive["attributes"] |= {"JOINTS_0": glb.array(np.zeros((4, 4), np.uint8)), "WEIGHTS_0": glb.array(weights)}
    glb.json["skins"] = [{"joints": [1]}]
    glb.json["nodes"] = [{"mesh": 0, "skin": 0, "rotation": [0, 1, 0, 0]}, {"scale": [-1, 1, 1]}]
    mesh, _ = read(glb.write(tmp_path / "plate.glb", primitive))
    assert four(mesh) == [GREEN, RED, YELLOW, BLUE]
    glb = Glb()
    primitive = textured(glb, png(QUARTERS))
    primitive["targets"] = [{"POSITION": glb.array((CORNERS * [-2, 0, 0]).astype(np.float32))}]
    glb.json["meshes"] = [{"primitives": [primitive], "weights": [1.0]}]
    assert four(read(glb.write(tmp_path / "plate.glb"))[0]) == [GREEN, RED, YELLOW, BLUE]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "compressed by KHR_draco.*without compression"),
        ({"extensionsRequired": ["EXT_meshopt_compression"]}, "compressed by EXT_meshopt.*without compression"),
        ({"extensionsRequired": ["EXT_mesh_gpu_instancing"]}, "needs EXT_mesh_gpu_instancing"),
        ({"asset": {"version": "1.0"}}, "export it as glTF 2.0"),
        ({"asset": None}, "no glTF"),
        ({"buffers": [{"byteLength": 10**12}]}, "cut short"),
        ({"buffers": []}, r"buffers\[0\] is named and not there"),
        ({"accessors": []}, r"accessors\[0\] is named and not there"),
        ({"nodes": [{"mesh": -1}]}, r"meshes\[-1\] is named and not there"),
        ({"nodes": [{"mesh": 0, "children": [0]}]}, "in two places"),
        ({"nodes": [{"children": [1]}, {"children": [0]}]}, "in two places"),
        ({"nodes": []}, r"nodes\[0\] is named and not there"),
        ({"nodes": [{"mesh": 0, "scale": [0, 0, 0]}]}, "no finite extent"),
        ({"nodes": [{"mesh": 0, "translation": [float("nan"), 0, 0]}]}, "no finite extent"),
        ({"nodes": [{"mesh": 0, "rotation": "up"}]}, "not a readable mesh"),
        ({"nodes": [{}]}, "no faces"),
        ({"scene": 5}, r"scenes\[5\]"),
    ],
)
def test_what_cannot_be_read_is_one_line(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    glb = Glb()
    primitive = glb.plate()
    glb.json |= {"scenes": [{"nodes": [0]}]}
    glb.write(tmp_path / "plate.glb", primitive)
    glb.json |= change
    with pytest.raises(DataError, match=reason) as caught:
        read(glb.write(tmp_path / "plate.glb"))
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{tmp_path / 'plate.glb'}: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 10**9),
        ("count", -1),
        ("count", 2**70),
        ("count", "many"),
        ("byteOffset", -4),
        ("byteOffset", 10**9),
        ("componentType", 5130),
        ("type", "VEC9"),
        ("bufferView", 99),
        ("bufferView", None),
    ],
)
def test_accessors_are_held_to_the_file(field: str, value: Any, tmp_path: Path) -> None:
    glb = Glb()
    primitive = glb.plate()
    glb.json["accessors"][primitive["attributes"]["POSITION"]][field] = value
    with pytest.raises(DataError, match="plate.glb: ") as caught:
        read(glb.write(tmp_path / "plate.glb", primitive))
    assert "\n" not in str(caught.value)


def test_accessors_without_bytes_are_held_to_the_file(tmp_path: Path) -> None:
    glb = Glb()
    primitive = glb.plate()
    accessor = glb.json["accessors"][primitive["attributes"]["POSITION"]]
    del accessor["bufferView"]
    accessor["count"] = 10**10
    with pytest.raises(DataError, match="no buffer holds"):
        read(glb.write(tmp_path / "plate.glb", primitive))


def test_any_cut_is_one_line(tmp_path: Path) -> None:
    glb = Glb()
    whole = glb.write(tmp_path / "plate.glb", textured(glb, png(QUARTERS))).read_bytes()
    for length in range(0, len(whole), 37):
        (tmp_path / "cut.glb").write_bytes(whole[:length])
        with pytest.raises(DataError, match="cut.glb: ") as caught:
            read(tmp_path / "cut.glb")
        assert "\n" not in str(caught.value)
