"""Wavefront's `.obj` files: triangles by material, with textures or vertex colours."""

import re
from collections.abc import Sized
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.meshes.parts import Array, Material, Part, corner_normals
from mnif_core.meshes.srgb import to_linear
from mnif_core.meshes.surroundings import Surroundings
from mnif_core.meshes.wavefront_materials import WavefrontMaterial, read_materials

ABSENT = np.iinfo(np.int64).min  # of a corner that names no place or no normal


def read_wavefront(around: Surroundings) -> list[Part]:
    """Parts of an `.obj` file, one a material; faces that name what is not there are left out, which is remembered.

    Raises:
        DataError: a line that cannot be read.
    """
    text = around.path.read_bytes().decode("utf-8-sig", "surrogateescape")
    lines = re.sub(r"\\[ \t]*\n", " ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    points, places, normals = [], [], []
    corners: list[tuple[int, int, int]] = []  # vertex, place, normal; three a triangle
    wearing: list[int] = []  # material of each triangle
    names: dict[str, int] = {}
    libraries: list[str] = []
    known: dict[str, tuple[int, int, int]] = {}  # corners by their text: each stands in several faces
    current = -1
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        key = words[0]
        try:
            if key == "v":
                points.append([float(word) for word in words[1:]])
            elif key == "vt":
                places.append((float(words[1]), float(words[2]) if len(words) > 2 else 0.0))
            elif key == "vn":
                normals.append((float(words[1]), float(words[2]), float(words[3])))
            elif key == "f":
                face = [known.get(word) or _corner(word, points, places, normals, known) for word in words[1:]]
                for second, third in zip(face[1:], face[2:], strict=False):
                    corners += [face[0], second, third]
                    wearing.append(current)
            elif key == "usemtl":
                current = names.setdefault(line.strip()[6:].strip(), len(names))
            elif key == "mtllib":
                libraries.append(line.strip()[6:].strip())
        except (ValueError, IndexError, OverflowError) as error:
            raise DataError(
                f"{around.path}: line {number} is not readable ('{line[:40]}'); repair or remove it"
            ) from error
    if not corners:
        return []
    vertices, painted = _points(around.path, points)
    index = np.array(corners, np.int64).reshape(-1, 3, 3)
    worn = np.array(wearing, np.int64)
    there = ((index[..., 0] >= 0) & (index[..., 0] < len(vertices))).all(1)
    if not there.all():
        around.say(f"{(~there).sum()} faces left out, of vertices that are not there")
    index, worn = index[there], worn[there]
    pointing = _normals(vertices, index, np.array(normals, np.float64).reshape(-1, 3))
    on_texture, mapped = _looked_up(np.array(places, np.float64).reshape(-1, 2), index[..., 1])
    materials = _libraries(around, libraries) if names else {}
    parts = []
    for name, number in [("", -1), *names.items()]:
        chosen = worn == number
        if chosen.any():
            used, triangles = np.unique(index[chosen, :, 0], return_inverse=True)
            part = Part(vertices[used], triangles.reshape(-1, 3), pointing[chosen], Material())
            colours = None if painted is None else painted[index[chosen, :, 0]]
            uv = on_texture[chosen] if mapped[chosen].any() else None
            parts.append(_dressed(part, around, name if number >= 0 else None, materials, colours, uv))
    return parts


def _corner(
    word: str, points: Sized, places: Sized, normals: Sized, known: dict[str, tuple[int, int, int]]
) -> tuple[int, int, int]:
    """`vertex/place/normal`, counted from 1, or backwards from the last one read; as indices from 0."""
    found = [ABSENT] * 3
    for kind, (text, read) in enumerate(zip(word.split("/"), (points, places, normals), strict=False)):
        if text:
            index = int(text)
            found[kind] = index - 1 if index > 0 else len(read) + index if index < 0 else ABSENT
    corner = found[0], found[1], found[2]
    if "-" not in word:
        known[word] = corner
    return corner


def _points(path: Path, points: list[list[float]]) -> tuple[Array, Array | None]:
    """Vertices `[u, 3]`, and RGBA in linear light `[u, 4]` where all have a colour."""
    if min(map(len, points)) < 3:
        raise DataError(f"{path}: a vertex without three coordinates; repair or remove it")
    vertices = np.array([point[:3] for point in points])
    if min(map(len, points)) < 6:
        return vertices, None
    colours = np.array([point[3:6] for point in points])
    colours = np.nan_to_num(colours) / (255.0 if colours.max() > 1 else 1.0)
    return vertices, np.column_stack([to_linear(np.clip(colours, 0, 1)), np.ones(len(colours))])


def _looked_up(values: Array, index: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
    """Values of corners `[t, 3, k]`, and for which triangles all three are there and finite `[t]`."""
    there = (index >= 0) & (index < len(values))
    if not there.any():
        return np.zeros((*index.shape, values.shape[1])), np.zeros(len(index), bool)
    found = values[np.where(there, index, 0)]
    there &= np.isfinite(found).all(-1)
    return np.nan_to_num(found), np.asarray(there.all(1))


def _normals(vertices: Array, index: NDArray[np.int64], normals: Array) -> NDArray[np.float32]:
    """Of the corners `[t, 3, 3]`: the file's where it has them."""
    given, there = _looked_up(normals, index[..., 2])
    length = np.linalg.norm(given, axis=-1, keepdims=True)
    there &= (length > 0).all((1, 2))
    if there.all():
        return (given / length).astype(np.float32)
    made = corner_normals(vertices, index[..., 0])
    made[there] = given[there] / length[there]
    return made


def _libraries(around: Surroundings, names: list[str]) -> dict[str, WavefrontMaterial]:
    """Materials of all libraries; one beside the mesh that has its name counts as well, as in Blender."""
    files: dict[Path, None] = {}
    for name in names:
        whole = around.find(name)
        for each in [name] if whole is not None else name.split():
            file = around.find(each)
            if file is None:
                around.say(f"'{name}' is missing, drawn without its materials")
                break
            files[file] = None
    beside = around.find(around.path.with_suffix(".mtl").name)
    files |= {} if beside is None else {beside: None}
    if not names and not files:
        around.say("names no library of its materials")
    materials: dict[str, WavefrontMaterial] = {}
    for file in files:
        materials = read_materials(file) | materials
    return materials


def _dressed(
    part: Part,
    around: Surroundings,
    name: str | None,
    materials: dict[str, WavefrontMaterial],
    painted: Array | None,
    uv: Array | None,
) -> Part:
    """A part in its material; without one in its vertex colours, which a material leaves out, as in Blender."""
    if name is None or name not in materials:
        if name is not None and materials:
            around.say(f"material '{name}' is missing")
        return part if painted is None else replace(part, material=Material((1.0,) * 4), colours=painted)
    if painted is not None:
        around.say("vertex colours left out, as materials have others")
    worn = materials[name]
    shown = worn.colour_map or worn.alpha_map
    if shown is not None and uv is None:
        around.say("textures left out where there are no texture coordinates")
    if shown is None or uv is None:
        return replace(part, material=worn.plain(around))
    return replace(part, material=worn.mapped(around), places=uv * shown.scale + shown.offset)
