"""PLY, STL, OFF, 3MF and Collada as people bring them: the colours, or the one line that says what is left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

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
    about,
    png,
    read,
    seen,
)

GREY = (179, 179, 179)
COLOUR = (188, 90, 28)
FACES = "3 0 1 2\n3 0 2 3"


def ply(dtype: str, numbers: Any, alpha: Any = None) -> str:
    """ASCII PLY of the plate with one colour at all corners."""
    names = ["red", "green", "blue"] + ([] if alpha is None else ["alpha"])
    numbers = [*numbers, *([] if alpha is None else [alpha])]
    head = "\n".join(f"property {dtype} {name}" for name in names)
    rows = "\n".join(" ".join(map(str, [*corner, *numbers])) for corner in CORNERS)
    return (
        f"ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n{head}\n"
        f"element face 2\nproperty list uchar int vertex_indices\nend_header\n{rows}\n{FACES}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        ply("uchar", COLOUR),
        ply("uchar", COLOUR, 255),
        ply("ushort", [257 * value for value in COLOUR]),
        ply("ushort", [257 * value for value in COLOUR], 65535),
        ply("float", [value / 255 for value in COLOUR]),
        ply("float", [value / 255 for value in COLOUR], 1.0),
        ply("double", [value / 255 for value in COLOUR]),
        ply("int", COLOUR),
        ply("uchar", COLOUR).replace("\n", "\r\n"),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_vertex_colours_of_ply(text: str, binary: bool, tmp_path: Path) -> None:
    content = text.encode()
    if binary:
        head, _, body = text.replace("\r\n", "\n").partition("end_header\n")
        kinds = [line.split()[1] for line in head.splitlines() if line.startswith("property") and "list" not in line]
        codes = {"float": "<f4", "double": "<f8", "uchar": "<u1", "ushort": "<u2", "int": "<i4"}
        row = np.dtype([(f"f{index}", codes[kind]) for index, kind in enumerate(kinds)])
        rows = [tuple(map(float, line.split())) for line in body.splitlines()[:4]]
        faces = b"".join(b"\3" + np.array(face, "<i4").tobytes() for face in ([0, 1, 2], [0, 2, 3]))
        content = head.replace("ascii", "binary_little_endian").encode() + b"end_header\n"
        content += np.array(rows, row).tobytes() + faces
    (tmp_path / "plate.ply").write_bytes(content)
    mesh, note = read(tmp_path / "plate.ply")
    assert seen(mesh, *MIDDLE) == about(COLOUR, 1) and note == ""


def test_face_colours_of_ply(tmp_path: Path) -> None:
    text = ply("uchar", COLOUR).replace("property uchar red\nproperty uchar green\nproperty uchar blue\n", "", 1)
    text = text.replace(" 188 90 28", "").replace(
        "vertex_indices\n",
        "vertex_indices\n" + "".join(f"property uchar {name}\n" for name in ("red", "green", "blue")),
    )
    (tmp_path / "plate.ply").write_text(text.replace(FACES, "3 0 1 2 255 0 0\n3 0 2 3 0 255 0"))
    mesh, note = read(tmp_path / "plate.ply")
    assert (seen(mesh, 0.5, -0.5), seen(mesh, -0.5, 0.5), note) == (RED, GREEN, "")


def test_colours_of_vertices_at_one_place_stay_apart(tmp_path: Path) -> None:
    rows = [(*CORNERS[index], *RED) for index in (0, 1, 2)] + [(*CORNERS[index], *GREEN) for index in (0, 2, 3)]
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    head, _, _ = ply("uchar", COLOUR).replace("vertex 4", "vertex 6").partition("end_header")
    (tmp_path / "plate.ply").write_text(f"{head}end_header\n{text}\n3 0 1 2\n3 3 4 5\n")
    mesh, note = read(tmp_path / "plate.ply")
    assert (seen(mesh, 0.1, 0.0), seen(mesh, 0.0, 0.1), note) == (RED, GREEN, "")


@pytest.mark.parametrize(
    ("named", "file", "note"),
    [
        ("t.png", "t.png", ""),
        ("my picture.png", "my picture.png", ""),
        ("T.PNG", "t.png", ""),
        ("tex\\t.png", "tex/t.png", ""),
        ("gone.png", "t.png", "'gone.png' is missing"),
    ],
)
def test_textures_of_ply(named: str, file: str, note: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(png(QUARTERS))
    rows = "\n".join(" ".join(map(str, [*corner, *uv])) for corner, uv in zip(CORNERS, UV, strict=True))
    (tmp_path / "plate.ply").write_text(
        f"ply\nformat ascii 1.0\ncomment TextureFile {named}\nelement vertex 4\nproperty float x\nproperty float y\n"
        "property float z\nproperty float s\nproperty float t\nelement face 2\n"
        f"property list uchar int vertex_indices\nend_header\n{rows}\n{FACES}\n"
    )
    mesh, said = read(tmp_path / "plate.ply")
    expected = [GREY] * 4 if note else [RED, GREEN, BLUE, YELLOW]
    assert [seen(mesh, *place) for place in PLACES.values()] == [about(colour) for colour in expected]
    assert note in said and bool(note) == bool(said)


VERTICES = "\n".join(" ".join(map(str, corner)) for corner in CORNERS)
COLOURED = "\n".join(" ".join(map(str, [*corner, *COLOUR])) for corner in CORNERS)
SHARES = "\n".join(" ".join(map(str, [*corner, *(value / 255 for value in COLOUR), 1.0])) for corner in CORNERS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"OFF\n4 2 0\n{VERTICES}\n{FACES}\n", GREY),
        (f"OFF4 2 0\n{VERTICES}\n{FACES}\n", GREY),
        (f"# made by hand\nOFF\n\n4 1 0\n{VERTICES}\n4 0 1 2 3\n", GREY),
        (f"COFF\n4 2 0\n{COLOURED}\n{FACES}\n", COLOUR),
        (f"COFF\n4 2 0\n{SHARES}\n{FACES}\n", COLOUR),
        (f"OFF\n4 2 0\n{VERTICES}\n3 0 1 2 188 90 28\n3 0 2 3 188 90 28\n", COLOUR),
        (f"OFF\n4 1 0\n{VERTICES}\n4 0 1 2 3 188 90 28 255\n", COLOUR),
        (f"OFF\n4 2 0\n{VERTICES}\n3 0 1 2 0.7373 0.3529 0.1098\n3 0 2 3 0.7373 0.3529 0.1098\n", COLOUR),
    ],
)
def test_colours_of_off(text: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    (tmp_path / "plate.off").write_text(text)
    mesh, note = read(tmp_path / "plate.off")
    assert seen(mesh, *MIDDLE) == about(expected, 1) and note == ""


DAE = """<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><up_axis>Z_UP</up_axis></asset>
<library_images><image id="i"><init_from>{file}</init_from></image></library_images>
<library_effects><effect id="e"><profile_COMMON>
<newparam sid="s"><surface type="2D"><init_from>i</init_from></surface></newparam>
<newparam sid="p"><sampler2D><source>s</source></sampler2D></newparam>
<technique sid="t"><lambert><diffuse>{diffuse}</diffuse></lambert></technique></profile_COMMON></effect>
</library_effects>
<library_materials><material id="m"><instance_effect url="#e"/></material></library_materials>
<library_geometries><geometry id="g"><mesh>
<source id="x"><float_array id="xa" count="12">{corners}</float_array><technique_common>
<accessor source="#xa" count="4" stride="3"><param name="X" type="float"/><param name="Y" type="float"/>
<param name="Z" type="float"/></accessor></technique_common></source>
<source id="u"><float_array id="ua" count="8">{uv}</float_array><technique_common>
<accessor source="#ua" count="4" stride="2"><param name="S" type="float"/><param name="T" type="float"/></accessor>
</technique_common></source><vertices id="v"><input semantic="POSITION" source="#x"/></vertices>
<triangles material="a" count="2"><input semantic="VERTEX" source="#v" offset="0"/>
<input semantic="TEXCOORD" source="#u" offset="1"/><p>0 0 1 1 2 2 0 0 2 2 3 3</p></triangles></mesh></geometry>
</library_geometries><library_visual_scenes><visual_scene id="w"><node><scale>{scale}</scale>
<instance_geometry url="#g"><bind_material>
<technique_common><instance_material symbol="a" target="#m"/></technique_common></bind_material></instance_geometry>
</node></visual_scene></library_visual_scenes><scene><instance_visual_scene url="#w"/></scene></COLLADA>"""
SAMPLED = '<texture texture="p" texcoord="UV"/>'


@pytest.mark.parametrize(
    ("file", "diffuse", "scale", "expected", "note"),
    [
        ("t.png", SAMPLED, "1 1 1", [RED, GREEN, BLUE, YELLOW], ""),
        ("./T.png", SAMPLED, "1 1 1", [RED, GREEN, BLUE, YELLOW], ""),
        ("file:///C:/work/t.png", SAMPLED, "1 1 1", [RED, GREEN, BLUE, YELLOW], ""),
        ("t.png", SAMPLED, "-1 1 1", [GREEN, RED, YELLOW, BLUE], ""),
        ("t.png", "<color>0.7373 0.3529 0.1098 1</color>", "1 1 1", [COLOUR] * 4, ""),
        ("gone.png", SAMPLED, "1 1 1", [(255, 255, 255)] * 4, "'gone.png' is missing"),
    ],
)
def test_collada(file: str, diffuse: str, scale: str, expected: list[Any], note: str, tmp_path: Path) -> None:
    (tmp_path / "t.png").write_bytes(png(QUARTERS))
    corners, uv = (" ".join(map(str, values.ravel())) for values in (CORNERS, UV))
    text = DAE.format(file=file, diffuse=diffuse, scale=scale, corners=corners, uv=uv)
    (tmp_path / "plate.dae").write_text(text)
    mesh, said = read(tmp_path / "plate.dae")
    assert [seen(mesh, *place) for place in PLACES.values()] == [about(colour) for colour in expected]
    assert note in said and bool(note) == bool(said)


@pytest.mark.parametrize("kind", ["stl", "3mf"])
def test_what_has_no_colour_is_grey(kind: str, tmp_path: Path) -> None:
    trimesh.Trimesh(CORNERS, [[0, 1, 2], [0, 2, 3]]).export(tmp_path / f"plate.{kind}")
    mesh, note = read(tmp_path / f"plate.{kind}")
    assert seen(mesh, *MIDDLE) == about(GREY, 1) and note == ""


def test_what_stands_behind_a_binary_stl_is_passed_over(tmp_path: Path) -> None:
    trimesh.Trimesh(CORNERS, [[0, 1, 2], [0, 2, 3]]).export(tmp_path / "plate.stl")
    whole = (tmp_path / "plate.stl").read_bytes()
    for content in (whole + b"made by hand", b"solid" + whole[5:]):
        (tmp_path / "plate.stl").write_bytes(content)
        mesh, note = read(tmp_path / "plate.stl")
        assert len(mesh.triangles) == 2 and note == ""
    (tmp_path / "plate.stl").write_bytes(whole[:-1])
    with pytest.raises(DataError, match="cut short: 183 of 184 bytes"):
        read(tmp_path / "plate.stl")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("huge.ply", ply("uchar", COLOUR).replace("vertex 4", "vertex 4000000000")),
        ("negative.ply", ply("uchar", COLOUR).replace("vertex 4", "vertex -4")),
        ("long.ply", ply("uchar", COLOUR).replace("face 2", "face 2000000000")),
        ("open.ply", "ply\nformat ascii 1.0\nelement vertex 4\n"),
        ("far.ply", ply("uchar", COLOUR).replace("3 0 2 3", "3 0 2 99")),
        ("below.ply", ply("uchar", COLOUR).replace("3 0 2 3", "3 0 2 -1")),
        ("huge.off", f"OFF\n4000000000 2 0\n{VERTICES}\n{FACES}\n"),
        ("far.off", f"OFF\n4 1 0\n{VERTICES}\n3 0 1 99\n"),
        ("other.off", f"4OFF\n4 2 0\n{VERTICES}\n{FACES}\n"),
        ("negative.off", f"OFF\n-4 2 0\n{VERTICES}\n{FACES}\n"),
        ("cut.off", f"OFF\n4 2 0\n{VERTICES}\n"),
        ("huge.stl", b"\0" * 80 + (2**32 - 1).to_bytes(4, "little") + b"\0" * 100),
        ("text.stl", "solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0\nendsolid\n"),
        ("empty.stl", b""),
        ("cut.dae", DAE[:700]),
        ("empty.dae", ""),
    ],
)
def test_damaged_files_are_one_line(name: str, content: str | bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{tmp_path / name}: ")
