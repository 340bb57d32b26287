"""Materials of glTF: base colour or diffuse part, textures with their samplers and transforms, alpha modes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.meshes.gltf_file import GltfFile
from mnif_core.meshes.parts import Array, Material, Texture, Wrap

WRAPS: dict[int, Wrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
NEAREST = {9728, 9984, 9986}
SOURCES = ("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds")
LEFT_OUT = {"KHR_materials_transmission": "glass (transmission)", "KHR_materials_diffuse_transmission": "transmission"}


@dataclass(frozen=True)
class Look:
    """A material, and which texture coordinates it takes, turned how."""

    material: Material
    places: int = 0
    """TEXCOORD_n."""
    turn: tuple[Array, Array] = (np.eye(2), np.zeros(2))
    """Matrix `[2, 2]` and offset `[2]` for (u, v), v down."""

    def turned(self, places: NDArray[np.floating]) -> Array:
        """The file's coordinates `[..., 2]`, v down, as places in the picture, v up."""
        across, down = np.moveaxis(places.astype(np.float64) @ self.turn[0].T + self.turn[1], -1, 0)
        return np.stack([across, 1.0 - down], -1)


def read_look(file: GltfFile, index: Any) -> Look:
    """Material `index` of a file; what of it is not drawn is remembered."""
    material = file.item("materials", index)
    extensions = material.get("extensions", {})
    for extension, name in LEFT_OUT.items():
        if extension in extensions:
            file.around.say(f"{name} left out")
    if "KHR_materials_pbrSpecularGlossiness" in extensions:
        shown = extensions["KHR_materials_pbrSpecularGlossiness"]
        factor, texture = shown.get("diffuseFactor"), shown.get("diffuseTexture")
    else:
        shown = material.get("pbrMetallicRoughness", {})
        factor, texture = shown.get("baseColorFactor"), shown.get("baseColorTexture")
    colour = _numbers(factor, (1.0, 1.0, 1.0, 1.0))
    lit = "KHR_materials_unlit" not in extensions
    glow = _numbers(material.get("emissiveFactor"), (0.0, 0.0, 0.0))
    if lit and glow.any():
        strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
        if colour[:3].any():
            file.around.say("emission left out")
        else:  # black but for its own light: that is what it looks like
            colour = np.append(np.clip(glow * float(strength), 0, 1), colour[3])
            texture, lit = material.get("emissiveTexture"), False
    mode = material.get("alphaMode", "OPAQUE")
    if mode == "OPAQUE":
        colour[3] = 1.0
    cutoff = {"OPAQUE": 0.0, "MASK": float(material.get("alphaCutoff", 0.5))}.get(mode, 0.5)
    picture = None if texture is None else _texture(file, texture.get("index"), mode != "OPAQUE")
    if mode == "BLEND" and (0 < colour[3] < 1 or picture is not None and _fades(picture.picture)):
        file.around.say("what is half transparent is opaque from alpha 0.5 and not drawn below")
    made = Material(tuple(colour.tolist()), picture, cutoff, lit)
    if texture is None or picture is None:
        return Look(made)
    transform = texture.get("extensions", {}).get("KHR_texture_transform", {})
    places = transform.get("texCoord", texture.get("texCoord", 0))
    return Look(made, int(places), _turn(transform))


def _fades(picture: NDArray[np.uint8]) -> bool:
    """Whether more of it is half transparent than smooth edges are."""
    alpha = picture[..., 3]
    return bool(((alpha > 25) & (alpha < 230)).mean() > 0.05)


def _numbers(given: Any, default: tuple[float, ...]) -> Array:
    """A list of numbers in [0, 1] as long as its default."""
    numbers = np.asarray(default if given is None else given, np.float64)
    if numbers.shape != (len(default),):
        raise ValueError(f"{len(default)} numbers expected, found {str(given)[:40]}")
    return np.clip(np.nan_to_num(numbers), 0, 1)


def _turn(transform: dict[str, Any]) -> tuple[Array, Array]:
    """Matrix and offset of KHR_texture_transform: scaled, then turned anticlockwise, then moved."""
    offset = np.asarray(transform.get("offset", (0.0, 0.0)), np.float64).reshape(2)
    scale = np.asarray(transform.get("scale", (1.0, 1.0)), np.float64).reshape(2)
    angle = float(transform.get("rotation", 0.0))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin], [-sin, cos]]) * scale, offset


def _texture(file: GltfFile, index: Any, alpha: bool) -> Texture | None:
    """Picture and sampler of texture `index`; none if its picture cannot be had, which is remembered."""
    texture = file.item("textures", index)
    extensions = texture.get("extensions", {})
    sources = [extensions[name].get("source") for name in SOURCES if name in extensions]
    if "source" in texture:
        sources.append(texture["source"])
    if not sources:
        file.around.say(f"texture {index} has no picture that is read")
        return None
    read = (_picture(file, source, alpha, source != sources[-1]) for source in sources)
    picture = next((each for each in read if each is not None), None)
    if picture is None:
        return None
    sampler = file.item("samplers", texture["sampler"]) if "sampler" in texture else {}
    across, up = (WRAPS.get(sampler.get(axis, 10497), "repeat") for axis in ("wrapS", "wrapT"))
    return Texture(picture, (across, up), sampler.get("magFilter") not in NEAREST)


def _picture(file: GltfFile, index: Any, alpha: bool, may_fail: bool) -> NDArray[np.uint8] | None:
    image = file.item("images", index)
    name = str(image.get("name") or f"image {index}")
    if "bufferView" in image:
        content = bytes(file.view(image["bufferView"])[0])
    else:
        uri = str(image.get("uri", ""))
        name = name if uri.startswith("data:") else uri
        found = file.resource(uri)
        if found is None:
            if not may_fail:
                file.around.say(f"texture '{name}' is missing")
            return None
        content = found
    return file.around.decoded(f"image {index}", content, name, alpha)
