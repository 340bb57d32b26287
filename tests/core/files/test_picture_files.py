"""One reader for pictures: of every kind the pixels that a person sees, or the one line.

A case is a row of `READ` (a file's content -> its colour), `NOTED` (the same, and what is said) or `REFUSED`.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnif_core.errors import ConfigError, DataError
from mnif_core.files.notes import collected_notes
from mnif_core.files.picture_files import checked_background, common_size, decode, image_size
from mnif_core.files.picture_modes import rgba
from tests.core.data.made_pictures import (
    COLOUR,
    clear,
    colour,
    floats,
    pages,
    png,
    png_of,
    profile,
    saved,
    tiff,
    twelve_bits,
)

GREY, WHITE, BLACK = (128,) * 3, (255,) * 3, (0,) * 3
HALF_16 = np.full((3, 4), 32896, dtype=np.uint16)  # 128 of 255
BRIGHT_16 = np.full((3, 4), 65535, dtype=np.uint16)
COLOUR_16 = np.full((3, 4, 3), COLOUR, dtype=np.uint16) * 257


READ: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "PNG": (saved(colour(), "PNG"), COLOUR),
    "PNG, RGBA opaque": (saved(clear(255), "PNG"), COLOUR),
    "PNG, RGBA clear": (saved(clear(), "PNG"), WHITE),
    "PNG, RGBA half clear": (saved(clear(128), "PNG"), (227, 177, 152)),
    "PNG, grey": (saved(colour("L", GREY), "PNG"), GREY),
    "PNG, grey with clear alpha": (saved(clear().convert("LA"), "PNG"), WHITE),
    "PNG, 1 bit, white": (saved(colour("1", "white"), "PNG"), WHITE),
    "PNG, 1 bit, black": (saved(colour("1", "black"), "PNG"), BLACK),
    "PNG, 2 bits": (png_of(0, 2, b"\xaa"), (170,) * 3),
    "PNG, 4 bits": (png_of(0, 4, b"\x88\x88"), (136,) * 3),
    "PNG, palette": (saved(colour("P", "red"), "PNG"), (255, 0, 0)),
    "PNG, palette with a clear entry": (
        png_of(3, 8, bytes(4), (b"PLTE", bytes(COLOUR)), (b"tRNS", b"\0")),
        WHITE,
    ),
    "PNG, palette with a half clear entry": (
        png_of(3, 8, bytes(4), (b"PLTE", bytes(COLOUR)), (b"tRNS", b"\x80")),
        (227, 177, 152),
    ),
    "PNG, grey of which one is clear": (png_of(0, 8, bytes([9] * 4), (b"tRNS", b"\0\x09")), WHITE),
    "PNG, 1 bit of which one is clear": (png_of(0, 1, b"\0", (b"tRNS", b"\0\0")), WHITE),
    "PNG, 2 bits of which one is clear": (png_of(0, 2, b"\xaa", (b"tRNS", b"\0\2")), WHITE),
    "PNG, 2 bits of which another is clear": (png_of(0, 2, b"\xaa", (b"tRNS", b"\0\1")), (170,) * 3),
    "PNG, 4 bits of which one is clear": (png_of(0, 4, b"\x88\x88", (b"tRNS", b"\0\x08")), WHITE),
    "PNG, 16 bits RGB of which one is clear": (
        png_of(2, 16, b"\x12\x34" * 12, (b"tRNS", b"\x12\x34" * 3)),
        WHITE,
    ),
    "PNG, RGB of which one is clear": (
        png_of(2, 8, bytes(COLOUR) * 4, (b"tRNS", struct.pack(">3H", *COLOUR))),
        WHITE,
    ),
    "PNG, 16 bits": (png(HALF_16), GREY),
    "PNG, 16 bits, white": (png(BRIGHT_16), WHITE),
    "PNG, 16 bits of which one is clear": (png_of(0, 16, b"\x12\x34" * 4, (b"tRNS", b"\x12\x34")), WHITE),
    "PNG, 16 bits RGB": (png_of(2, 16, COLOUR_16[0].astype(">u2").tobytes()), COLOUR),
    "PNG, 16 bits RGBA": (png_of(6, 16, (b"\x80\x80" * 3 + b"\0\0") * 4), WHITE),
    "PNG, 16 bits grey with alpha": (png_of(4, 16, b"\x80\x80\xff\xff" * 4), GREY),
    "PNG with something after its end": (saved(colour(), "PNG") + b"appended", COLOUR),
    "PNG, linear profile": (
        png_of(2, 8, b"\x80" * 12, (b"iCCP", b"p\0\0" + zlib.compress(profile(b"RGB ", 1)))),
        (188,) * 3,
    ),
    "JPEG": (saved(colour(), "JPEG", quality=100), COLOUR),
    "JPEG, grey": (saved(colour("L", GREY), "JPEG"), GREY),
    "JPEG, CMYK of Adobe": (saved(colour("CMYK"), "JPEG", quality=100), COLOUR),
    "JPEG, linear profile": (saved(colour(value=GREY), "JPEG", icc_profile=profile(b"RGB ", 1)), (188,) * 3),
    "JPEG, grey, linear profile": (saved(colour("L", GREY), "JPEG", icc_profile=profile(b"GRAY", 1)), (188,) * 3),
    "JPEG, grey, profile for RGB": (saved(colour("L", GREY), "JPEG", icc_profile=profile(b"RGB ", 1)), (188,) * 3),
    "WebP": (saved(colour(), "WEBP", lossless=True), COLOUR),
    "WebP, clear": (saved(clear(), "WEBP", lossless=True), WHITE),
    "WebP, half clear, linear profile": (
        saved(Image.new("RGBA", (4, 3), (128, 128, 128, 128)), "WEBP", lossless=True, icc_profile=profile(b"RGB ", 1)),
        (221,) * 3,
    ),
    "AVIF": (saved(colour(), "AVIF", quality=100, subsampling="4:4:4"), COLOUR),
    "BMP": (saved(colour(), "BMP"), COLOUR),
    "GIF": (saved(colour("P", "red"), "GIF"), (255, 0, 0)),
    "GIF, clear": (saved(colour("P", "red"), "GIF", transparency=colour("P", "red").getpixel((0, 0))), WHITE),
    "PGM": (b"P5 4 3 255\n" + b"\x80" * 12, GREY),
    "PGM up to 1000": (b"P5 4 3 1000\n" + struct.pack(">12H", *[500] * 12), GREY),
    "PBM": (b"P1 4 3 " + b"0 " * 12, WHITE),
    "TIFF": (saved(colour(), "TIFF"), COLOUR),
    "TIFF, CMYK": (saved(colour("CMYK"), "TIFF"), COLOUR),
    "TIFF, YCbCr": (saved(colour("YCbCr"), "TIFF"), COLOUR),
    "TIFF, L*a*b*": (tiff(np.full((3, 4, 3), (138, 0, 0), np.uint8), "cielab"), (130,) * 3),
    "TIFF, white is 0": (tiff(np.full((3, 4), 127, np.uint8), "miniswhite"), GREY),
    "TIFF, 12 bits": (twelve_bits(2056), GREY),
    "TIFF, 12 bits, white": (twelve_bits(4095), WHITE),
    "TIFF, 16 bits": (tiff(HALF_16), GREY),
    "TIFF, 16 bits, big end first": (tiff(HALF_16, byteorder=">"), GREY),
    "TIFF, 16 bits, packed": (tiff(HALF_16, compression="deflate", predictor=True), GREY),
    "TIFF, 16 bits, white is 0": (tiff(BRIGHT_16 - HALF_16, "miniswhite"), GREY),
    "TIFF, 16 bits RGB": (tiff(COLOUR_16, "rgb"), COLOUR),
    "TIFF, 16 bits RGB, big end first": (tiff(COLOUR_16, "rgb", byteorder=">"), COLOUR),
    "TIFF, planes": (tiff(np.full((3, 3, 4), 128, np.uint8), "rgb", planarconfig="separate"), GREY),
    "TIFF, premultiplied": (
        tiff(np.full((3, 4, 4), (100, 50, 25, 128), np.uint8), "rgb", extrasamples=["assocalpha"]),
        (227, 177, 152),
    ),
    "TIFF, floats": (floats(0.5), GREY),
    "TIFF, floats, white": (floats(1.0), WHITE),
    "TIFF, floats, big end first": (tiff(np.full((3, 4), 0.5, np.float32), byteorder=">"), GREY),
    "TIFF, floats, white is 0": (tiff(np.full((3, 4), 0.0, np.float32), "miniswhite"), WHITE),
}

SEVERAL = "an animation or several pages, of which the first is read"
PROFILE = "colour profile left out"
NOTED: dict[str, tuple[bytes, tuple[int, ...], str]] = {
    "animated GIF": (pages("GIF"), COLOUR, SEVERAL),
    "animated PNG": (pages("PNG"), COLOUR, SEVERAL),
    "animated WebP": (pages("WEBP", lossless=True), COLOUR, SEVERAL),
    "TIFF of two pages": (pages("TIFF"), COLOUR, SEVERAL),
    "8 bits kept in 16": (png(np.full((3, 4), 200, np.uint16)), (1,) * 3, "nearly black, its brightest 200 of 65535"),
    "broken profile": (saved(colour(), "PNG", icc_profile=b"no profile"), COLOUR, PROFILE),
    "profile for grey in colour": (saved(colour(), "PNG", icc_profile=profile(b"GRAY", 1)), COLOUR, PROFILE),
    "profile for RGB in CMYK": (
        saved(colour("CMYK"), "TIFF", icc_profile=profile(b"RGB ", 1)),
        COLOUR,
        PROFILE,
    ),
    "broken EXIF": (
        saved(colour(), "PNG", exif=b"Exif\0\0no header"),
        COLOUR,
        "its EXIF is damaged; taken as upright",
    ),
}

PICTURE = saved(Image.effect_noise((64, 64), 90), "PNG")
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty; restore or remove it"),
    "text": (b"these are words\n" * 20, "not a readable picture"),
    "a page of PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a readable picture"),
    "half a PNG": (PICTURE[: len(PICTURE) // 2], "truncated or damaged picture .*; restore it"),
    "a PNG without its end": (PICTURE[:-12], "truncated or damaged picture"),
    "half a JPEG": (saved(Image.effect_noise((64, 64), 90), "JPEG")[:1500], "truncated or damaged picture"),
    "half a WebP": (saved(Image.effect_noise((64, 64), 90), "WEBP")[:1500], "truncated or damaged|not a readable"),
    "half a GIF": (saved(Image.effect_noise((64, 64), 90), "GIF")[:2000], "truncated or damaged picture"),
    "half a BMP": (saved(colour(), "BMP")[:60], "truncated or damaged picture"),
    "half a TIFF": (saved(Image.effect_noise((64, 64), 90), "TIFF")[:2000], "truncated or damaged|not a readable"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(99), r"HEIC; save it as \.jpg or \.png"),
    "PNG that claims 60,000 a side": (png_of(0, 8, bytes(4), size=(60000, 60000)), "600000000|60000 x 60000|exceeds"),
    "PNG that claims 9,000 a side": (png_of(0, 8, bytes(4), size=(9000, 9000)), r"9000 x 9000 pixels claimed by"),
    "TIFF, floats to 255": (floats(255.0), r"floats from 255 to 255; scale them.*0 \(black\) to 1 \(white\)"),
    "TIFF, negative floats": (floats(-0.5), r"floats from -0\.5 to -0\.5"),
    "TIFF, not a number": (floats(float("nan")), "not all of its floats are finite"),
    "TIFF, infinite": (floats(float("inf")), "not all of its floats are finite"),
    "TIFF, floats in colour": (tiff(np.zeros((3, 4, 3), np.float32), "rgb"), r"a TIFF of a kind.*save it as \.png"),
    "TIFF, double floats": (tiff(np.zeros((3, 4))), r"a TIFF of a kind.*save it as \.png"),
    "TIFF, 32 bits": (tiff(np.full((3, 4), 200, np.int32)), "whole numbers of 32 bits.*save 8 or 16 bits"),
    "TIFF, signed 16 bits": (tiff(np.full((3, 4), 200, np.int16)), "save 8 or 16 bits"),
    "TIFF, planes of 16 bits": (
        tiff(COLOUR_16.transpose(2, 0, 1), "rgb", planarconfig="separate"),
        "a plane of 16 bits for each colour",
    ),
}


def written(folder: Path, content: bytes, name: str = "a.png") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("name", READ)
def test_the_colour_that_a_person_sees(name: str, tmp_path: Path) -> None:
    content, expected = READ[name]
    path = written(tmp_path, content)
    with collected_notes() as notes:
        pixels = decode(path)
    assert pixels.shape == (3, 4, 3) and pixels.dtype == np.uint8 and image_size(path) == (4, 3)
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, pixels.shape), atol=2)
    assert notes == []


@pytest.mark.parametrize("name", NOTED)
def test_what_is_left_out_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    content, expected, said = NOTED[name]
    path = written(tmp_path, content)
    with collected_notes() as notes:
        pixels = decode(path)
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, (3, 4, 3)), atol=2)
    assert len(notes) == 1 and notes[0].startswith(f"{path}: ") and said in notes[0] and "\n" not in notes[0]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    content, message = REFUSED[name]
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=message) as raised:
        decode(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


STORED: dict[int, Callable[[Any], Any]] = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_pictures_stand_upright(kind: str, orientation: int, tmp_path: Path) -> None:
    upright = np.kron([[0, 90, 180], [255, 30, 130]], np.ones((16, 16))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    path = written(tmp_path, saved(picture, kind, exif=exif.tobytes()))
    np.testing.assert_allclose(decode(path)[8::16, 8::16, 0], upright[8::16, 8::16], atol=8)
    assert image_size(path) == (48, 32)


def test_orientation_behind_the_pixels_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(content)) + b"eXIf" + content + struct.pack(">I", zlib.crc32(b"eXIf" + content))
    plain = saved(colour(), "PNG")
    path = written(tmp_path, plain[:-12] + chunk + plain[-12:])
    assert decode(path).shape == (4, 3, 3) and image_size(path) == (3, 4)


@pytest.mark.parametrize(
    ("background", "expected"),
    [("white", WHITE), ("black", BLACK), ("#808080", GREY), ("hsl(0, 100%, 50%)", (255, 0, 0))],
)
def test_transparency_lies_over_the_background(background: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    for kind in ("PNG", "WEBP", "TIFF"):
        path = written(tmp_path, saved(clear(), kind, **({"lossless": True} if kind == "WEBP" else {})))
        assert (decode(path, checked_background(background)) == expected).all()


@pytest.mark.parametrize("name", ["mauvish", "#ff000080", "", "#12", 5, None])
def test_a_background_is_a_colour(name: Any) -> None:
    with pytest.raises(ConfigError, match=f"background {name}: no colour; choose white, black"):
        checked_background(name)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("abbb", r"0\.png: 4 x 3 pixels among views of 5 x 6; bring all to one size$"),
        ("bbab", r"2\.png: 4 x 3 pixels among views of 5 x 6; bring all to one size$"),
        ("bcbab", r"1\.png: 7 x 2 pixels among views of 5 x 6; bring all to one size$"),
        ("ab", r"1\.png: 5 x 6 pixels among views of 4 x 3; bring all to one size \(as many, .*0\.png first, are of"),
    ],
)
def test_the_odd_one_is_named(sizes: str, message: str, tmp_path: Path) -> None:
    size = {"a": (4, 3), "b": (5, 6), "c": (7, 2)}
    paths = [written(tmp_path, saved(Image.new("L", size[s]), "PNG"), f"{i}.png") for i, s in enumerate(sizes)]
    with pytest.raises(DataError, match=message):
        common_size(paths)
    assert common_size(paths[:1] * 3) == size[sizes[0]]


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_every_mode_becomes_rgba(mode: str) -> None:
    picture = Image.new("RGBA", (4, 3), "white").convert({"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode, mode))
    pixels = rgba(picture.convert(mode), "a")
    assert pixels.shape == (3, 4, 4) and pixels.dtype == np.uint8 and (pixels == 255).all()
