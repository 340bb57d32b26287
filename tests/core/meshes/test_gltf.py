"""glTF files as people bring them: the colour that Blender shows, or the one line that says what is left out."""

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
    MIDDLE,
    PLACES,
    QUARTERS,
    RED,
    UV,
    YELLOW,
    Glb,
    about,
    png,
    read,
    seen,
)

ORDER = [RED, GREEN, BLUE, YELLOW]
LIGHT = np.array([0.5, 0.1022, 0.0116])  # (188, 90, 28) as displayed
SHOWN = (188, 90, 28)
GREY = (179, 179, 179)


def four(seen_mesh: Any) -> list[Any]:
    return [seen(seen_mesh, *place) for place in PLACES.values()]


def stored(values: Any, dtype: str) -> np.ndarray[Any, Any]:
    """Values in [0, 1] as an array of a type."""
    kind = np.dtype(dtype)
    return (values * np.iinfo(kind).max).round().astype(kind) if kind.kind in "iu" else values.astype(kind)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "u1", "u2"])
@pytest.mark.parametrize("kind", ["alone", "factor", "texture", "both"])
def test_factors_multiply_in_linear_light(kind: str, dtype: str, alpha: bool, tmp_path: Path) -> None:
    glb = Glb()
    light = np.tile(np.append(LIGHT, 1.0)[: 4 if alpha else 3], (4, 1))
    primitive = glb.plate(COLOR_0=glb.array(stored(light, dtype), normalized=dtype != "f4"))
    expected = LIGHT.copy()
    material: dict[str, Any] = {}
    if kind in ("factor", "both"):
        material["baseColorFactor"] = [0.5, 0.25, 1.0, 1.0]
        expected *= [0.5, 0.25, 1.0]
    if kind in ("texture", "both"):
        material["baseColorTexture"] = {"index": glb.image(png(np.full((2, 2, 3), 188, np.uint8)))}
        expected *= 0.503
    if kind != "alone":
        glb.json["materials"] = [{"pbrMetallicRoughness": material}]
        primitive["material"] = 0
    mesh, note = read(glb.write(tmp_path / "plate.glb", primitive))
    displayed = np.where(expected <= 0.0031308, expected * 12.92, 1.055 * expected ** (1 / 2.4) - 0.055) * 255
    assert seen(mesh, *MIDDLE) == about(tuple(displayed), 3) and note == ""
    if kind == "alone":
        assert seen(mesh, *MIDDLE) == about(SHOWN, 3)


def textured(glb: Glb, content: bytes, texture: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A plate with a picture."""
    primitive = glb.plate()
    reference = {"index": glb.image(content), **(texture or {})}
    glb.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": reference}, **more}]
    return primitive | {"material": 0}


def transform(**values: Any) -> dict[str, Any]:
    return {"extensions": {"KHR_texture_transform": values}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ORDER),
        ({"offset": [0.5, 0]}, [GREEN, RED, YELLOW, BLUE]),
        ({"offset": [0, 0.5]}, [BLUE, YELLOW, RED, GREEN]),
        ({"scale": [0.5, 0.5]}, [RED] * 4),
        ({"scale": [0.5, 0.5], "offset": [0.5, 0.5]}, [YELLOW] * 4),
        ({"rotation": np.pi, "offset": [1, 1]}, ORDER[::-1]),
        ({"rotation": np.pi / 2, "offset": [0, 1]}, [BLUE, RED, YELLOW, GREEN]),  # the picture turned clockwise
        ({"texCoord": 1}, [GREEN, RED, YELLOW, BLUE]),
    ],
)
def test_texture_transforms(values: dict[str, Any], expected: list[Any], tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, png(QUARTERS), transform(**values))
    primitive["attributes"]["TEXCOORD_1"] = glb.array((UV * [-1, -1] + 1).astype(np.float32))
    mesh, note = read(glb.write(tmp_path / "plate.glb", primitive))
    assert four(mesh) == expected and note == ""


@pytest.mark.parametrize(
    ("sampler", "x", "expected"),
    [  # places in the picture from -1 to 2 across the plate; its left half is red and blue, its right one green, yellow
        ({}, -0.9, RED),
        ({}, -0.45, GREEN),
        ({"wrapS": 10497}, 0.45, RED),
        ({"wrapS": 33071}, -0.9, RED),
        ({"wrapS": 33071}, 0.45, GREEN),
        ({"wrapS": 33071}, 0.9, GREEN),
        ({"wrapS": 33648}, -0.9, GREEN),
        ({"wrapS": 33648}, -0.45, RED),
        ({"wrapS": 33648}, 0.45, GREEN),
        ({"wrapS": 33648}, 0.9, RED),
        ({"wrapT": 33071}, 0.9, GREEN),
    ],
)
def test_samplers(sampler: dict[str, int], x: float, expected: tuple[int, ...], tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, png(QUARTERS), transform(scale=[3, 1], offset=[-1, 0]))
    glb.json["samplers"] = [sampler]
    glb.json["textures"][0]["sampler"] = 0
    assert seen(read(glb.write(tmp_path / "plate.glb", primitive))[0], x, 0.5) == expected


def test_a_palette_of_few_pixels_is_not_blended(tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, png(np.array([[RED, GREEN]], np.uint8)))
    glb.json["samplers"] = [{"magFilter": 9728}]
    glb.json["textures"][0]["sampler"] = 0
    mesh, _ = read(glb.write(tmp_path / "plate.glb", primitive))
    assert (seen(mesh, -0.1, 0.3), seen(mesh, 0.1, 0.3)) == (RED, GREEN)


def specular(**values: Any) -> dict[str, Any]:
    return {"extensions": {"KHR_materials_pbrSpecularGlossiness": values}}


@pytest.mark.parametrize(
    ("material", "expected", "note"),
    [
        ({}, (255, 255, 255), ""),
        ({"pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 1]}}, SHOWN, ""),
        ({"pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 0.1]}}, SHOWN, ""),
        (specular(diffuseFactor=[*LIGHT, 1]), SHOWN, ""),
        (specular(diffuseTexture={"index": 0}), RED, ""),
        (specular(diffuseTexture={"index": 0}, diffuseFactor=[0.5, 1, 1, 1]), (188, 0, 0), ""),
        (
            {"extensions": {"KHR_materials_unlit": {}}, "pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 1]}},
            SHOWN,
            "",
        ),
        ({"alphaMode": "MASK", "pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 0.4]}}, None, ""),
        (
            {"alphaMode": "MASK", "alphaCutoff": 0.3, "pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 0.4]}},
            SHOWN,
            "",
        ),
        (
            {"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 0.6]}},
            SHOWN,
            "half transparent",
        ),
        ({"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 0]}}, None, ""),
        ({"emissiveFactor": [1, 0, 0], "pbrMetallicRoughness": {"baseColorFactor": [*LIGHT, 1]}}, SHOWN, "emission"),
        ({"emissiveFactor": [*LIGHT], "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]}}, SHOWN, ""),
        (
            {
                "emissiveFactor": [1, 1, 1],
                "emissiveTexture": {"index": 0},
                "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]},
            },
            RED,
            "",
        ),
        ({"extensions": {"KHR_materials_transmission": {"transmissionFactor": 1}}}, (255, 255, 255), "glass"),
        ({"pbrMetallicRoughness": {"metallicFactor": 1, "baseColorFactor": [*LIGHT, 1]}}, SHOWN, ""),
        ({"normalTexture": {"index": 0}}, (255, 255, 255), ""),
    ],
)
def test_materials(material: dict[str, Any], expected: tuple[int, ...] | None, note: str, tmp_path: Path) -> None:
    glb = Glb()
    primitive = glb.plate() | {"material": 0}
    glb.image(png(np.full((2, 2, 3), RED, np.uint8)))
    glb.json["materials"] = [material]
    mesh, said = read(glb.write(tmp_path / "plate.glb", primitive))
    found = seen(mesh, *MIDDLE)
    assert found == (about(expected, 1) if expected else None)
    assert note in said and bool(note) == bool(said)


def test_alpha_of_a_texture_counts_where_the_mode_says_so(tmp_path: Path) -> None:
    alpha = np.full((16, 16, 1), 255, np.uint8)
    alpha[:8] = 0
    for mode, expected in (
        ("OPAQUE", ORDER),
        ("MASK", [None, None, BLUE, YELLOW]),
        ("BLEND", [None, None, BLUE, YELLOW]),
    ):
        glb = Glb()
        primitive = textured(glb, png(np.concatenate([QUARTERS, alpha], -1)), alphaMode=mode)
        assert four(read(glb.write(tmp_path / "plate.glb", primitive))[0]) == expected, mode


def grey16(value: int) -> bytes:
    return png(np.full((4, 4), value, np.uint16))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(np.full((4, 4), 100, np.uint8)), (100, 100, 100)),
        (grey16(100 * 257), (100, 100, 100)),
        (png(np.full((4, 4), 0.5, np.float32), "tiff"), (128, 128, 128)),
        (png(np.full((4, 4), True)), (255, 255, 255)),
        (png(np.full((4, 4, 3), RED, np.uint8), "webp"), RED),
        (png(np.full((4, 4, 3), RED, np.uint8), "gif"), RED),
        (png(np.full((4, 4, 4), (10, 20, 30, 255), np.uint8)), (10, 20, 30)),
        (png(np.full((4, 4, 2), (90, 255), np.uint8)), (90, 90, 90)),
    ],
)
def test_kinds_of_pictures(content: bytes, expected: tuple[int, ...], tmp_path: Path) -> None:
    glb = Glb()
    mesh, note = read(glb.write(tmp_path / "plate.glb", textured(glb, content)))
    assert seen(mesh, *MIDDLE) == about(expected, 1) and note == ""


def test_pictures_of_extensions(tmp_path: Path) -> None:
    glb = Glb()
    primitive = textured(glb, png(np.full((4, 4, 3), RED, np.uint8), "webp"))
    glb.json["textures"] = [{"extensions": {"EXT_texture_webp": {"source": 0}}}]
    glb.json["extensionsRequired"] = ["EXT_texture_webp"]
    mesh, note = read(glb.write(tmp_path / "plate.glb", primitive))
    assert seen(mesh, *MIDDLE) == RED and note == ""
    glb.json["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 1}}, "source": 0}]
    glb.json["images"].append({"uri": "x.ktx2"})
    mesh, note = read(glb.write(tmp_path / "plate.glb", primitive))
    assert seen(mesh, *MIDDLE) == RED and note == ""


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
    primitive = {"attributes": {"POSITION": position, "COLOR_0": 2}}
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
