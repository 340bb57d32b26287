"""OFF files of Geomview: triangles with colours of vertices (COFF) or of faces."""

import re

import numpy as np

from mnif_core.errors import DataError
from mnif_core.meshes.parts import NEUTRAL, Array, Material, Part, corner_normals
from mnif_core.meshes.srgb import to_linear
from mnif_core.meshes.surroundings import Surroundings

HEADER = re.compile(r"(ST)?(C?)(N?)OFF(?=\s|\d|$)")


def read_off(around: Surroundings) -> list[Part]:
    """The one part of an `.off` file.

    Raises:
        DataError: cut short, or of another kind than text in three dimensions.
    """
    text = around.path.read_bytes().decode("utf-8-sig", "replace")
    rows = [row for row in (line.partition("#")[0].strip() for line in text.splitlines()) if row]
    header = HEADER.match(rows[0]) if rows else None
    if header is None or "BINARY" in rows[0]:
        raise DataError(f"{around.path}: no OFF file of text in three dimensions; export it as such")
    rest = rows[0][header.end() :].strip()
    body = ([rest] if rest else []) + rows[1:]
    count, faces = (int(word) for word in body[0].split()[:2])
    if count < 0 or faces < 0 or count + faces > len(body) - 1:
        raise DataError(f"{around.path}: not a readable mesh (cut short); repair or remove it")
    points = [row.split() for row in body[1 : count + 1]]
    vertices = np.array([[float(word) for word in point[:3]] for point in points]).reshape(count, 3)
    corners: list[tuple[int, int, int]] = []
    painted: list[list[str]] = []
    for row in body[count + 1 : count + 1 + faces]:
        words = row.split()
        sides = int(words[0])
        face = [int(word) for word in words[1 : sides + 1]]
        corners += [(face[0], second, third) for second, third in zip(face[1:], face[2:], strict=False)]
        painted += [words[sides + 1 :]] * max(len(face) - 2, 0)
    triangles = np.array(corners, np.int64).reshape(-1, 3)
    there = ((triangles >= 0) & (triangles < count)).all(1)
    if not there.all():
        around.say(f"{(~there).sum()} faces left out, of vertices that are not there")
    if not there.any():
        return []
    if header[2]:
        start = 6 if header[3] else 3
        colours = _colours([point[start : start + 4] for point in points])[triangles]
    else:
        colours = np.repeat(_colours(painted)[:, None], 3, axis=1)
    triangles = triangles[there]
    return [Part(vertices, triangles, corner_normals(vertices, triangles), Material((1.0,) * 4), colours[there])]


def _colours(rows: list[list[str]]) -> Array:
    """RGBA in linear light `[j, 4]` of three or four numbers each: whole ones to 255, or fractions; else neutral."""
    colours = np.tile(np.array(NEUTRAL), (len(rows), 1))
    for index, row in enumerate(rows):
        if len(row) in (3, 4):
            values = np.array([float(word) for word in row])
            values /= 255.0 if all(word.isdigit() for word in row) and (values > 1).any() else 1.0
            colours[index, : len(row)] = np.clip(np.nan_to_num(values), 0, 1)
            colours[index, :3] = to_linear(colours[index, :3])
    return colours
