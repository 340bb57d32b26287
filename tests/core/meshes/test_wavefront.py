"""Wavefront files as people bring them: the colour that Blender shows, or the one line that says what is missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.core.meshes.plates import (
    BLUE,
    GREEN,
    MIDDLE,
    ORDER,
    QUARTERS,
    RED,
    YELLOW,
    about,
    four,
    png,
    read,
    seen,
    write_obj,
)

GREY = (179, 179, 179)


@pytest.mark.parametrize(
    ("material", "file"),
    [
        ("map_Kd t.png", "t.png"),
        ("Kd 0 0 0\nmap_Kd t.png", "t.png"),
        ("map_kd t.png", "t.png"),
        ("\tmap_Kd\tt.png", "t.png"),
        ("map_Kd ../images/t.png", "../images/t.png"),
        ("map_Kd images/sub/t.png", "images/sub/t.png"),
        ("map_Kd tex\\t.png", "tex/t.png"),
        ("map_Kd ..\\images\\t.png", "../images/t.png"),
        ("map_Kd T.PNG", "t.png"),
        ("map_Kd Textures/Body.png", "textures/body.PNG"),
        ("map_Kd my picture.png", "my picture.png"),
        ('map_Kd "my picture.png"', "my picture.png"),
        ("map_Kd my%20picture.png", "my picture.png"),
        ("map_Kd C:\\Users\\me\\work\\t.png", "t.png"),
        ("map_Kd C:/Users/me/work/T.png", "t.png"),
        ("map_Kd /home/me/work/t.png", "t.png"),
        ("map_Kd -s 1 1 1 t.png", "t.png"),
        ("map_Kd -s 1 t.png", "t.png"),
        ("map_Kd -o 0 0 0 -s 1 1 1 my picture.png", "my picture.png"),
        ("map_Kd -o 1 t.png", "t.png"),
        ("map_Kd -t 0.5 0.5 0.5 t.png", "t.png"),
        ("map_Kd -mm 0 1 t.png", "t.png"),
        ("map_Kd -bm 0.5 -boost 2 t.png", "t.png"),
        ("map_Kd -blendu off -blendv off t.png", "t.png"),
        ("map_Kd -clamp on -cc off t.png", "t.png"),
        ("map_Kd -imfchan l -texres 512 t.png", "t.png"),
        ("map_Kd -type sphere t.png", "t.png"),
        ("map_Kd -dash.png", "-dash.png"),
        ("map_Kd 1 1 t.png", "1 1 t.png"),
        ("map_Kd t.tga", "t.tga"),
        ("map_Kd t.tif", "t.tif"),
        ("map_Kd t.bmp", "t.bmp"),
        ("map_Kd t.png\nmap_Ks s.png\nmap_Bump n.png\nnorm n.png", "t.png"),
    ],
)
def test_a_texture_is_found(material: str, file: str, tmp_path: Path) -> None:
    obj = write_obj(tmp_path / "model", material)
    picture = tmp_path / "model" / file
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(QUARTERS).save(picture)
    mesh, note = read(obj)
    assert four(mesh) == ORDER
    assert note == ""


@pytest.mark.parametrize(
    ("options", "colours"),
    [
        ("-s 0.5 0.5", [BLUE, BLUE, BLUE, BLUE]),
        ("-o 0.5", [GREEN, RED, YELLOW, BLUE]),
        ("-o 0.5 0.5 0", [YELLOW, BLUE, GREEN, RED]),
        ("-s 0.5 0.5 1 -o 0.5 0 0", [YELLOW, YELLOW, YELLOW, YELLOW]),
    ],
)
def test_scale_and_offset_of_a_map(options: str, colours: list[tuple[int, ...]], tmp_path: Path) -> None:
    (tmp_path / "t.png").write_bytes(png(QUARTERS))
    mesh, _ = read(write_obj(tmp_path, f"map_Kd {options} t.png"))
    assert four(mesh) == colours


@pytest.mark.parametrize(
    ("material", "colour"),
    [
        ("Kd 0.2 0.4 0.8", (51, 102, 204)),
        ("Kd 0.2 # said once\n", (51, 51, 51)),
        ("Kd 0.2 0.4 0.8\nd 1\nTr 1", (51, 102, 204)),
        ("Kd 0.2 0.4 0.8\nTr 0", (51, 102, 204)),
        ("Ka 1 0 0\nKs 0 1 0", (204, 204, 204)),
        ("Kd 2 -1 0", (255, 0, 0)),
    ],
)
def test_a_plain_colour(material: str, colour: tuple[int, ...], tmp_path: Path) -> None:
    mesh, note = read(write_obj(tmp_path, material))
    assert seen(mesh, *MIDDLE) == about(colour, 1) and note == ""


@pytest.mark.parametrize("material", ["d 0", "Tr 1", "map_Kd t.png\nd 0", "map_d hole.png"])
def test_what_is_transparent_is_not_seen(material: str, tmp_path: Path) -> None:
    (tmp_path / "t.png").write_bytes(png(QUARTERS))
    (tmp_path / "hole.png").write_bytes(png(np.zeros((4, 4), np.uint8)))
    assert seen(read(write_obj(tmp_path, material))[0], *MIDDLE) is None


def test_only_map_d_cuts_holes(tmp_path: Path) -> None:
    alpha = np.zeros((16, 16, 1), np.uint8)
    alpha[8:] = 255
    (tmp_path / "cut.png").write_bytes(png(np.concatenate([QUARTERS, alpha], -1)))
    mesh, _ = read(write_obj(tmp_path, "map_Kd cut.png"))
    assert four(mesh) == ORDER
    mesh, _ = read(write_obj(tmp_path, "map_Kd cut.png\nmap_d cut.png"))
    assert four(mesh) == [None, None, BLUE, YELLOW]


@pytest.mark.parametrize(
    ("library", "files", "note"),
    [
        ("mtllib other.mtl", {"other.mtl": "newmtl one\nKd 1 0 0"}, ""),
        ("mtllib OTHER.mtl", {"other.mtl": "\ufeffnewmtl one\r\nKd 1 0 0\r\n"}, ""),
        ("mtllib my own.mtl", {"my own.mtl": "newmtl one\nKd 1 0 0"}, ""),
        ("mtllib a.mtl b.mtl", {"a.mtl": "newmtl two\nKd 0 1 0", "b.mtl": "newmtl one\nKd 1 0 0"}, ""),
        ("mtllib a.mtl\nmtllib b.mtl", {"a.mtl": "newmtl two\nKd 0 1 0", "b.mtl": "newmtl one\nKd 1 0 0"}, ""),
        ("mtllib C:\\work\\sub\\other.mtl", {"other.mtl": "newmtl one\nKd 1 0 0"}, ""),
        ("", {"plate.mtl": "newmtl one\nKd 1 0 0"}, ""),
        ("mtllib gone.mtl", {"plate.mtl": "newmtl one\nKd 1 0 0"}, "'gone.mtl' is missing"),
    ],
)
def test_libraries(library: str, files: dict[str, str], note: str, tmp_path: Path) -> None:
    obj = write_obj(tmp_path, "", library)
    (tmp_path / "plate.mtl").unlink()
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode())
    mesh, said = read(obj)
    assert seen(mesh, *MIDDLE) == RED
    assert note in said and bool(note) == bool(said)


@pytest.mark.parametrize(
    ("material", "colour", "note"),
    [
        ("Kd 1 0 0\nmap_Kd gone.png", RED, "texture 'gone.png' is missing"),
        ("Kd 1 0 0\nmap_Kd C:\\work\\gone.png", RED, "texture 'C:\\work\\gone.png' is missing"),
        ("Kd 1 0 0\nmap_Kd torn.png", RED, "texture 'torn.png': "),
        ("Kd 1 0 0\nmap_Kd text.png", RED, "texture 'text.png' is not readable; save it as .png"),
        ("Kd 1 0 0\nKe 1 1 1", RED, "emission left out"),
        ("Kd 1 0 0\nd 0.7", RED, "half transparent (d 0.7) is opaque"),
        ("Kd 1 0 0\nmap_d gone.png", RED, "texture 'gone.png' is missing"),
        ("Kd 1 0 0\nmap_Kd", RED, ""),
    ],
)
def test_what_is_left_out_is_said(material: str, colour: tuple[int, ...], note: str, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(png(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))[:500])
    (tmp_path / "text.png").write_text("<html>not found</html>")
    mesh, said = read(write_obj(tmp_path, material))
    assert seen(mesh, *MIDDLE) == colour
    assert note in said and bool(note) == bool(said)


def test_much_that_is_missing_is_one_line(tmp_path: Path) -> None:
    names = [f"m{index}" for index in range(20)]
    (tmp_path / "many.mtl").write_text("".join(f"newmtl {name}\nmap_Kd {name}.png\n" for name in names))
    faces = "".join(f"usemtl {name}\nf 1/1 2/1 3/1\n" for name in names)
    (tmp_path / "many.obj").write_text(f"mtllib many.mtl\n{FIRST}vt 0 0\n{faces}")
    _, said = read(tmp_path / "many.obj")
    assert said.startswith("texture 'm0.png' is missing; ") and said.endswith("; 14 more")


def test_vertex_colours_and_materials(tmp_path: Path) -> None:
    colours = [(0.2, 0.4, 0.6)] * 4
    obj = write_obj(tmp_path, "Kd 1 0 0", colours=colours)
    mesh, note = read(obj)
    assert seen(mesh, *MIDDLE) == RED and "vertex colours left out" in note
    obj.write_text(obj.read_text().replace("usemtl one", ""))
    mesh, note = read(obj)
    assert seen(mesh, *MIDDLE) == about((51, 102, 153), 1) and note == ""
    obj = write_obj(tmp_path, "", colours=[(51, 102, 153)] * 4)
    (tmp_path / "plate.mtl").unlink()
    mesh, note = read(obj)
    assert seen(mesh, *MIDDLE) == about((51, 102, 153), 1) and "'plate.mtl' is missing" in note


FIRST = "v -1 0 -1\nv 1 0 -1\nv 1 0 1\nv -1 0 1\n"
LIBRARY = "newmtl red\nKd 1 0 0\nnewmtl the green\nKd 0 1 0\n"


@pytest.mark.parametrize(
    ("text", "upper", "lower", "note"),
    [
        ("usemtl red\nf 1 2 3\nusemtl the green\nf 1 3 4", GREEN, RED, ""),
        ("usemtl red\nf 1 2 3\nusemtl the green\nf 1 3 4\nusemtl red", GREEN, RED, ""),
        ("o a\nusemtl red\nf -4 -3 -2\ng b\nusemtl the green\nf -4 -2 -1\nv 0 0 0", GREEN, RED, ""),
        ("usemtl red\nf 1 2 \\\n3 4", RED, RED, ""),
        ("usemtl red\nf\t1\t2\t3\t4", RED, RED, ""),
        ("usemtl red\nf 1// 2// 3// 4//", RED, RED, ""),
        ("usemtl red\nf 1 2 3\nusemtl blue\nf 1 3 4", GREY, RED, "material 'blue' is missing"),
        ("usemtl red\nf 1 2 3 4\nf 1 2 99\nf 0 1 2\nf -9 1 2", RED, RED, "3 faces left out"),
        ("vn 0 -1 0\nusemtl red\nf 1//1 2//1 3//1\nf 1 3 4", RED, RED, ""),
        ("vn 0 0 0\nvn nan 0 0\nusemtl red\nf 1//1 2//2 3//7 4//1", RED, RED, ""),
        ("vp 1 2\nl 1 2\ns off\nusemtl red\nf 1 2 3 4 # both\np 1", RED, RED, ""),
    ],
)
def test_faces(text: str, upper: tuple[int, ...], lower: tuple[int, ...], note: str, tmp_path: Path) -> None:
    (tmp_path / "plate.mtl").write_text(LIBRARY)
    (tmp_path / "plate.obj").write_text(f"mtllib plate.mtl\n{FIRST}{text}\n")
    mesh, said = read(tmp_path / "plate.obj")
    assert (seen(mesh, -0.5, 0.5), seen(mesh, 0.5, -0.5)) == (upper, lower)
    assert note in said and bool(note) == bool(said)
