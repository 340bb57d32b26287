"""Pictures that bring a colour profile -> sRGB."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from mnif_core.files.notes import note

MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # Pillow's, of what profiles are for
ALIKE = 2  # grey levels; a profile that changes no colour by more is sRGB
KEPT = 16  # profiles at once; the views of a data set share few


def in_srgb(seen: Image.Image, picture: Image.Image, where: str) -> Image.Image:
    """`seen` in sRGB, by the profile that `picture` brings; a broken one, or one of another kind, is left out.

    Args:
        seen: RGB or RGBA, as made from `picture` without its profile.
        picture: as opened.
        where: names it in notes.
    """
    try:
        mode, transform = _to_srgb(picture.info["icc_profile"])
        if transform is None:
            return seen
        if (mode == "CMYK") != (picture.mode == "CMYK") or (mode == "L" and not _is_grey(seen)):
            raise ValueError(f"one for {mode}")
        source = picture if mode == "CMYK" else seen.convert(mode)
        converted = ImageCms.applyTransform(source, transform)
    except Exception as error:  # whatever lcms says of damaged profiles
        reason = " ".join(str(error).split())
        note(f"{where}: colour profile left out, which does not fit or is broken ({reason}); taken as sRGB")
        return seen
    assert converted is not None
    if seen.mode == "RGBA" and mode != "CMYK":
        converted.putalpha(seen.getchannel("A"))
    return converted


@lru_cache(KEPT)
def _to_srgb(content: bytes) -> tuple[str, Any]:
    """Mode of the pixels that a profile is for, and the way to sRGB; none where it is sRGB."""
    profile: Any = ImageCms.ImageCmsProfile(io.BytesIO(content))
    mode = MODES[profile.profile.xcolor_space.strip()]
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode == "CMYK":
        return mode, transform
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    probe = Image.fromarray(grid).convert(mode)
    became = np.asarray(ImageCms.applyTransform(probe, transform), np.int16)
    change = np.abs(became - np.asarray(probe.convert("RGB"), np.int16)).max()
    return mode, None if change <= ALIKE else transform


def _is_grey(seen: Image.Image) -> bool:
    red, green, blue = seen.split()[:3]
    return red.tobytes() == green.tobytes() == blue.tobytes()
