"""Materials of Wavefront's `.mtl` files, read as Blender reads them."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.meshes.parts import OPAQUE, Material, Texture
from mnif_core.meshes.srgb import to_linear
from mnif_core.meshes.surroundings import Surroundings

# Arguments of a map's options; those of -s, -o and -t may be left out from the end.
UP_TO_THREE = {"-s", "-o", "-t"}
ARGUMENTS = dict.fromkeys(
    ("-blendu", "-blendv", "-boost", "-bm", "-cc", "-clamp", "-imfchan", "-texres", "-type", "-colorspace"), 1
) | {"-mm": 2}
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")


@dataclass(frozen=True)
class Map:
    """A picture file and how it lies on the surface: (u, v) x scale + offset."""

    name: str
    folder: Path
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass
class WavefrontMaterial:
    """What is read of a material."""

    colour: list[float] = field(default_factory=lambda: [0.8, 0.8, 0.8])
    """Kd as displayed."""
    dissolve: float | None = None
    """`d`, alpha."""
    transparency: float | None = None
    """`Tr`, which counts where `d` is not said."""
    colour_map: Map | None = None
    alpha_map: Map | None = None
    glows: bool = False

    def plain(self, around: Surroundings) -> Material:
        """To draw with where there is no map."""
        if self.glows:
            around.say("emission left out")
        alpha = 1.0 - (self.transparency or 0.0) if self.dissolve is None else self.dissolve
        alpha = min(max(alpha, 0.0), 1.0)
        if 0 < alpha < 1:
            around.say(f"what is half transparent (d {alpha:g}) is {'opaque' if alpha >= OPAQUE else 'not drawn'}")
        return Material((*to_linear(np.clip(self.colour, 0, 1)).tolist(), alpha))

    def mapped(self, around: Surroundings) -> Material:
        """To draw with where there are maps, which take the colour's place, as in Blender, if they can be had."""
        material = self.plain(around)
        picture = np.full((1, 1, 4), 255, np.uint8)
        if self.colour_map is not None:
            read = around.texture(self.colour_map.name, self.colour_map.folder, alpha=False)
            if read is not None:
                picture, material = read, replace(material, factor=(1.0, 1.0, 1.0, material.factor[3]))
        if self.alpha_map is not None:
            picture = _with_alpha(picture, around.texture(self.alpha_map.name, self.alpha_map.folder))
        return replace(material, texture=Texture(picture))


def _with_alpha(picture: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """A picture seen where `mask` is: by its alpha if it has any, or else by its brightness."""
    from PIL import Image

    if mask is None:
        return picture
    alpha = mask[..., 3] if mask[..., 3].min() < 255 else np.asarray(Image.fromarray(mask).convert("L"))
    height, width = (max(sizes) for sizes in zip(picture.shape[:2], alpha.shape, strict=True))
    colours = np.asarray(Image.fromarray(picture[..., :3]).resize((width, height)))
    return np.dstack([colours, np.asarray(Image.fromarray(alpha).resize((width, height)))])


def read_materials(file: Path) -> dict[str, WavefrontMaterial]:
    """Materials of a library by name; what is not a number counts as not said."""
    materials: dict[str, WavefrontMaterial] = {}
    material = WavefrontMaterial()
    text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    for line in re.split(r"[\r\n]+", text):
        key, _, rest = line.strip().replace("\t", " ").partition(" ")
        rest = rest.strip()
        numbers = [float(word) for word in rest.split() if NUMBER.match(word)]
        match key.lower():
            case "newmtl":
                material = materials.setdefault(rest, WavefrontMaterial())
            case "kd" if numbers:
                material.colour = (numbers * 3)[:3] if len(numbers) < 3 else numbers[:3]
            case "d" if numbers:
                material.dissolve = numbers[0]
            case "tr" if numbers:
                material.transparency = numbers[0]
            case "map_kd":
                material.colour_map = parse_map(rest, file.parent)
            case "map_d" | "map_tr":
                material.alpha_map = parse_map(rest, file.parent)
            case "ke":
                material.glows = any(number > 0 for number in numbers[:3])
            case "map_ke":
                material.glows = True
    return materials


def parse_map(rest: str, folder: Path) -> Map | None:
    """What stands behind `map_Kd`: options, then the name of a file, which may have spaces in it."""
    placed: dict[str, tuple[float, float]] = {}
    while match := re.match(r"(-[a-zA-Z]+)\s+", rest):
        option, after = match[1].lower(), rest[match.end() :]
        if option in UP_TO_THREE:
            numbers: list[float] = []
            while len(numbers) < 3 and (word := re.match(r"(\S+)\s+(?=\S)", after)) and NUMBER.match(word[1]):
                numbers.append(float(word[1]))
                after = after[word.end() :]
            across, up, *_ = numbers + [1.0 if option == "-s" else 0.0] * (3 - len(numbers))
            placed[option] = across, up
        elif option in ARGUMENTS and (words := re.match(rf"(\S+\s+){{{ARGUMENTS[option]}}}(?=\S)", after)):
            after = after[words.end() :]
        else:
            break
        rest = after
    name = rest.strip()
    return Map(name, folder, placed.get("-s", (1.0, 1.0)), placed.get("-o", (0.0, 0.0))) if name else None
