"""3MF files as people bring them: the colours, or the one line that says what is left out."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mnif_core.errors import DataError
from tests.core.meshes.plates import CORNERS, GREEN, RED, about, read, seen

GREY = (179, 179, 179)
CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
COLOURS = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
BASES = '<basematerials id="1"><base displaycolor="#FF0000"/><base displaycolor="#00FF00FF"/></basematerials>'
GROUP = '<m:colorgroup id="1"><m:color color="#FF0000"/><m:color color="#00FF00FF"/></m:colorgroup>'
POINTS = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in CORNERS)


def three_mf(resources: str) -> bytes:
    """A 3MF file that builds object 3."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        text = f'<?xml version="1.0"?><model xmlns="{CORE}" xmlns:m="{COLOURS}"><resources>{resources}</resources>'
        archive.writestr("3D/3dmodel.model", f'{text}<build><item objectid="3"/></build></model>')
    return stream.getvalue()


@pytest.mark.parametrize(
    ("resources", "whole", "lower", "upper", "item", "expected", "note"),
    [
        ("", "", "", "", "", (GREY, GREY), ""),
        (BASES, 'pid="1" pindex="1"', "", "", "", (GREEN, GREEN), ""),
        (BASES, 'pid="1" pindex="1"', 'pid="1" p1="0"', "", "", (RED, GREEN), ""),
        (GROUP, "", 'pid="1" p1="0"', 'pid="1" p1="1" p2="1" p3="1"', "", (RED, GREEN), ""),
        (GROUP, "", 'pid="1" p1="7"', 'pid="9" p1="0"', "", (GREY, GREY), ""),
        (GROUP, "", 'pid="1" p1="0"', 'pid="1" p1="1"', 'transform="-1 0 0 0 1 0 0 0 -1 5 6 7"', (GREEN, RED), ""),
        ("", "", 'paint_color="4"', "", "", (GREY, GREY), "colours painted in a slicer left out"),
        ('<m:texture2dgroup id="1"/>', 'pid="1"', "", "", "", (GREY, GREY), "textures and mixed materials left out"),
    ],
)
def test_colours_of_3mf(
    resources: str, whole: str, lower: str, upper: str, item: str, expected: Any, note: str, tmp_path: Path
) -> None:
    model = (
        f'{resources}<object id="2" {whole}><mesh><vertices>{POINTS}</vertices><triangles>'
        f'<triangle v1="0" v2="1" v3="2" {lower}/><triangle v1="0" v2="2" v3="3" {upper}/></triangles></mesh></object>'
        f'<object id="3"><components><component objectid="2" {item}/></components></object>'
    )
    (tmp_path / "plate.3mf").write_bytes(three_mf(model))
    mesh, said = read(tmp_path / "plate.3mf")
    assert (seen(mesh, 0.5, -0.5), seen(mesh, -0.5, 0.5)) == tuple(about(colour) for colour in expected)
    assert said == note
    assert (mesh.normals[..., 1] < -0.99).all()  # outside is outside, mirrored or not


TWICE = '<object id="{0}"><components><component objectid="{1}"/><component objectid="{1}"/></components></object>'
DOUBLING = "".join(TWICE.format(index, index + 1) for index in range(3, 40))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("many.3mf", three_mf(DOUBLING + '<object id="40"/>')),
        ("itself.3mf", three_mf('<object id="3"><components><component objectid="3"/></components></object>')),
        ("open.3mf", three_mf('<object id="3"><components><component objectid="9"/></components></object>')),
        ("no.3mf", b"PK\5\6" + b"\0" * 18),
        ("text.3mf", "<model/>"),
    ],
)
def test_damaged_files_are_one_line(name: str, content: str | bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{tmp_path / name}: ")
