"""Pictures of every format that is read."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mnif_core.files.picture_files import image_size, read_picture
from tests.core.data.made_pictures import pages, png_of, profile, saved, tiff
from tests.fuzz.mutations import damage_bytes
from tests.fuzz.subject import Subject, require

NOISE = np.random.default_rng(0).integers(0, 255, (9, 11, 4), dtype=np.uint8)
RGBA = Image.fromarray(NOISE)
RGB = RGBA.convert("RGB")
TURNED = Image.Exif()
TURNED[0x0112] = 6
PICTURES: dict[str, bytes] = {
    "png": saved(RGBA, "PNG", icc_profile=profile(b"RGB ", 1.8), exif=TURNED),
    "png of 16 bits": png_of(0, 16, bytes(range(8)), (b"tRNS", b"\0\1")),
    "png with palette": saved(RGB.quantize(16), "PNG", transparency=3),
    "jpg": saved(RGB, "JPEG", exif=TURNED, icc_profile=profile(b"RGB ", 1.8)),
    "jpg in cmyk": saved(RGB.convert("CMYK"), "JPEG"),
    "tiff": saved(RGBA, "TIFF", compression="tiff_lzw"),
    "tiff of 16 bits": tiff(NOISE[..., 0].astype(np.uint16) * 257),
    "tiff of floats": tiff((NOISE[..., 0] / 255).astype(np.float32)),
    "gif": pages("GIF"),
    "webp": saved(RGBA, "WEBP", lossless=True),
    "bmp": saved(RGB, "BMP"),
    "ppm": saved(RGB, "PPM"),
    "avif": saved(RGB, "AVIF"),
}


def _read(path: Path) -> None:
    picture = read_picture(path)
    require(picture.mode == "RGB" and min(picture.size) > 0, f"a picture of {picture.mode}, {picture.size}")
    require(image_size(path) == picture.size, f"{image_size(path)} announced, {picture.size} read")


def _picture(name: str, content: bytes) -> Subject:
    file = f"picture.{name.split()[0]}"

    def write(folder: Path) -> None:
        (folder / file).write_bytes(content)

    def read(folder: Path) -> Any:
        _read(folder / file)

    return Subject(f"picture {name}", write, file, damage_bytes, read)


SUBJECTS = [_picture(name, content) for name, content in PICTURES.items()]
