"""Pictures of every kind, made by hand where no library writes them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image

COLOUR = (200, 100, 50)


def colour(mode: str = "RGB", value: Any = COLOUR) -> Image.Image:
    """4 x 3 pixels of one colour."""
    return Image.new("RGB", (4, 3), value).convert(mode)


def clear(alpha: int = 0) -> Image.Image:
    return Image.new("RGBA", (4, 3), (*COLOUR, alpha))


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def tiff(array: Any, photometric: str = "minisblack", **options: Any) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, array, photometric=photometric, **options)
    return content.getvalue()


def png(array: Any) -> bytes:
    return saved(Image.fromarray(array), "PNG")


def floats(value: float) -> bytes:
    return tiff(np.full((3, 4), value, dtype=np.float32))


def png_of(
    colour_type: int, depth: int, row: bytes, *chunks: tuple[bytes, bytes], size: tuple[int, int] = (4, 3)
) -> bytes:
    """A PNG whose rows are all `row`, with `chunks` before its pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress((b"\0" + row) * 3)), (b"IEND", b"")]
    framed = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def profile(space: bytes, gamma: float) -> bytes:
    """An ICC profile of sRGB's primaries whose values are of another `gamma`, for `RGB ` or `GRAY`."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"

    def xyz(*place: float) -> bytes:
        return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in place))

    text = b"desc" + struct.pack(">II", 0, 2) + b"t\0" + bytes(80)
    tags = [(b"desc", text), (b"cprt", b"text" + bytes(8)), (b"wtpt", xyz(0.9642, 1.0, 0.8249))]
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        tags += [(b"rXYZ", xyz(0.4361, 0.2225, 0.0139)), (b"gXYZ", xyz(0.3851, 0.7169, 0.0971))]
        tags += [(b"bXYZ", xyz(0.1431, 0.0606, 0.7139))]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    body, table, start = b"", struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for name, content in tags:
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + table + body


def twelve_bits(value: int) -> bytes:
    """A grey TIFF whose pixels are packed, two in three bytes."""
    row = bytes([value >> 4, (value & 15) << 4 | value >> 8, value & 255] * 2)
    tags = {256: 4, 257: 3, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 3, 279: 18}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in tags.items())
    return b"II*\0" + struct.pack("<I", 26) + row * 3 + struct.pack("<H", len(tags)) + entries + bytes(4)


def pages(kind: str, **options: Any) -> bytes:
    return saved(colour(), kind, save_all=True, append_images=[colour(value="white")], **options)
