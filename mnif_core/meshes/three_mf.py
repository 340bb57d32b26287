"""3MF files: objects placed by their build, in the colours of their materials and colour groups."""

import re
import zipfile
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.meshes.parts import NEUTRAL, Array, Material, Part, corner_normals
from mnif_core.meshes.srgb import to_linear
from mnif_core.meshes.surroundings import Surroundings

UNPACKED = 1 << 26  # bytes that any file may unpack to;
PACKED_TO = 200  # beyond, as many for each byte packed as text of numbers has
MOST_TRIANGLES = 1 << 20  # of all instances, or one a byte unpacked
MOST_INSTANCES = 10_000  # of objects in a file
DEEPEST = 50  # components within components
GROUPS = {"basematerials": "displaycolor", "colorgroup": "color"}
LEFT_OUT = {"texture2dgroup", "compositematerials", "multiproperties"}


def read_3mf(around: Surroundings) -> list[Part]:
    """Parts of a `.3mf` file, one for each instance of an object; z is up, as the format says.

    Raises:
        DataError: not readable, or something that it names is not there.
    """
    model = _Model(around)
    around.up = "z"
    parts: list[Part] = []
    triangles = instances = 0
    waiting = [(model.main, item, np.eye(4), 0) for item in model.items]
    while waiting:
        file, item, parent, depth = waiting.pop()
        file = next((value for key, value in item.items() if _local(key) == "path"), file).strip("/").lower()
        index = (file, item.get("objectid"))
        if index not in model.objects or depth > DEEPEST:
            raise DataError(f"{around.path}: object {index[1]} is not there, or within itself; repair or remove it")
        instances += 1
        placed = parent @ _matrix(item)
        for child in model.objects[index]:
            if _local(child.tag) == "components":
                waiting += [(file, component, placed, depth + 1) for component in child]
            elif _local(child.tag) == "mesh":
                part = model.part(index, child, placed)
                triangles += max(len(part.triangles), len(part.vertices))
                parts.append(part)
        if triangles > max(MOST_TRIANGLES, model.size) or instances > MOST_INSTANCES:
            raise DataError(f"{around.path}: too many instances of its objects; export it with fewer")
    return [part for part in parts if len(part.triangles)]


class _Model:
    """All model files of an archive."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.objects: dict[tuple[str, str | None], ElementTree.Element] = {}
        self.colours: dict[tuple[str, str | None], Array] = {}
        self.items: list[ElementTree.Element] = []
        self.main = ""
        self._read: dict[tuple[str, str | None], tuple[Array, NDArray[np.int64], Array]] = {}
        with zipfile.ZipFile(around.path) as archive:
            models = [info for info in archive.infolist() if info.filename.lower().endswith(".model")]
            self.size = sum(info.file_size for info in models)
            if self.size > max(UNPACKED, PACKED_TO * around.path.stat().st_size):
                raise DataError(f"{around.path}: unpacks to {self.size} bytes; export it anew")
            for info in models:
                content = archive.read(info)
                if b"<!DOCTYPE" in content:
                    raise DataError(f"{around.path}: XML with a document type, as no 3MF has; export it anew")
                if b"paint_color=" in content or b"mmu_segmentation=" in content:
                    around.say("colours painted in a slicer left out")
                self._take(info.filename.strip("/").lower(), ElementTree.fromstring(content))

    def _take(self, file: str, root: ElementTree.Element) -> None:
        """Keep what one file has."""
        for element in root.iter():
            name, index = _local(element.tag), (file, element.get("id"))
            if name == "object" and element.get("type") != "support":
                self.objects[index] = element
            elif name == "item":
                self.items.append(element)
                self.main = file
            elif name in GROUPS:
                self.colours[index] = np.array([_colour(child.get(GROUPS[name], "")) for child in element])
            elif name in LEFT_OUT:
                self.around.say("textures and mixed materials left out")

    def part(self, index: tuple[str, str | None], mesh: ElementTree.Element, placed: Array) -> Part:
        """One object where it stands."""
        if index not in self._read:
            self._read[index] = self._mesh(index, mesh)
        vertices, triangles, colours = self._read[index]
        vertices = vertices @ placed[:3, :3].T + placed[:3, 3]
        if np.linalg.det(placed[:3, :3]) < 0:  # mirrored: turned outside again
            triangles, colours = triangles[:, ::-1], colours[:, ::-1]
        return Part(vertices, triangles, corner_normals(vertices, triangles), Material((1.0,) * 4), colours)

    def _mesh(self, index: tuple[str, str | None], mesh: ElementTree.Element) -> tuple[Array, NDArray[np.int64], Array]:
        """Vertices `[u, 3]`, triangles `[t, 3]` and RGBA of their corners in linear light `[t, 3, 4]`."""
        whole = self.objects[index]
        points, faces, colours = [], [], []
        for element in mesh.iter():
            if _local(element.tag) == "vertex":
                points.append([float(element.attrib[axis]) for axis in "xyz"])
            elif _local(element.tag) == "triangle":
                faces.append([int(element.attrib[corner]) for corner in ("v1", "v2", "v3")])
                group = self.colours.get((index[0], element.get("pid", whole.get("pid"))), np.empty((0, 4)))
                first = element.get("p1", whole.get("pindex", "0"))
                chosen = (int(first), int(element.get("p2", first)), int(element.get("p3", first)))
                colours.append([group[which] if 0 <= which < len(group) else NEUTRAL for which in chosen])
        triangles = np.array(faces, np.int64).reshape(-1, 3)
        there = ((triangles >= 0) & (triangles < len(points))).all(1)
        if not there.all():
            self.around.say(f"{(~there).sum()} faces left out, of vertices that are not there")
        return np.array(points).reshape(-1, 3), triangles[there], np.array(colours).reshape(-1, 3, 4)[there]


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def _matrix(item: ElementTree.Element) -> Array:
    """Matrix `[4, 4]` of an item or component, whose file has it by columns."""
    matrix = np.eye(4)
    if "transform" in item.attrib:
        matrix[:3] = np.array(item.attrib["transform"].split(), np.float64).reshape(4, 3).T
    return matrix


def _colour(text: str) -> Any:
    """RGBA in linear light of `#RRGGBB` or `#RRGGBBAA`."""
    if not re.fullmatch(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})", text):
        return NEUTRAL
    values = np.array([*bytes.fromhex(text[1:]), 255][:4]) / 255.0
    return [*to_linear(values[:3]), values[3]]
