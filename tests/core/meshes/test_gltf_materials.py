"""Materials of glTF as people bring them: the colour that Blender shows, or the one line that says what is left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.meshes.plates import (
    BLUE,
    GREEN,
    MIDDLE,
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
    seen,
    textured,
)

LIGHT = np.array([0.5, 0.1022, 0.0116])  # (188, 90, 28) as displayed
SHOWN = (188, 90, 28)
GREY = (179, 179, 179)


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
