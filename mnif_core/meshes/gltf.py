"""glTF 2.0: all triangles of a scene, placed by its nodes, in its materials times their vertex colours."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.meshes.gltf_file import GltfFile
from mnif_core.meshes.gltf_materials import Look, read_look
from mnif_core.meshes.parts import Array, Material, Part, flat_normals
from mnif_core.meshes.surroundings import Surroundings

MOST_TRIANGLES = 1 << 20  # of all instances, or one a byte: a small file can name one mesh very often
DEEPEST = 500  # nodes within nodes


def read_gltf(around: Surroundings) -> list[Part]:
    """Parts of a `.glb` or `.gltf` file, as it stands before any animation.

    Raises:
        DataError: not readable, compressed, or something that it names is not there.
    """
    file = GltfFile(around)
    if file.json.get("animations"):
        around.say("shown as it stands, without its animation")
    worlds = _worlds(file)
    parts: list[Part] = []
    looks: dict[Any, Look] = {}
    triangles = 0
    for index, world in worlds.items():
        node = file.item("nodes", index)
        if "mesh" not in node:
            continue
        mesh = file.item("meshes", node["mesh"])
        weights = node.get("weights", mesh.get("weights"))
        for primitive in mesh["primitives"]:
            placed = _Primitive(file, primitive, weights)
            if placed.faces is None:
                continue
            triangles += max(len(placed.faces), len(placed.positions))
            if triangles > max(MOST_TRIANGLES, file.size):
                raise DataError(
                    f"{around.path}: its instances have {triangles} triangles and more; export it with fewer"
                )
            transform = _skinned(file, node, primitive, worlds) if "skin" in node else world
            parts.append(placed.part(transform, looks))
    return [part for part in parts if len(part.triangles)]


def _worlds(file: GltfFile) -> dict[int, Array]:
    """Matrices `[4, 4]` of the scene's nodes by index."""
    nodes = file.json.get("nodes", [])
    if file.json.get("scenes"):
        roots = file.item("scenes", file.json.get("scene", 0)).get("nodes", [])
    else:
        roots = sorted(set(range(len(nodes))) - {child for node in nodes for child in node.get("children", [])})
    worlds: dict[int, Array] = {}
    waiting = [(root, np.eye(4), 0) for root in roots]
    while waiting:
        index, parent, depth = waiting.pop()
        node = file.item("nodes", index)
        if index in worlds or depth > DEEPEST:
            raise DataError(f"{file.around.path}: node {index} is in two places; repair or remove it")
        worlds[index] = parent @ _local(node)
        waiting += [(child, worlds[index], depth + 1) for child in node.get("children", [])]
    return worlds


def _local(node: dict[str, Any]) -> Array:
    """Matrix `[4, 4]` of a node within its parent."""
    if "matrix" in node:
        return np.asarray(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.asarray(node.get("rotation", (0, 0, 0, 1)), np.float64).reshape(4)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= np.asarray(node.get("scale", (1, 1, 1)), np.float64).reshape(3)
    matrix[:3, 3] = np.asarray(node.get("translation", (0, 0, 0)), np.float64).reshape(3)
    return matrix


def _skinned(file: GltfFile, node: dict[str, Any], primitive: dict[str, Any], worlds: dict[int, Array]) -> Array:
    """Matrix of each vertex `[u, 4, 4]` from its joints as they stand; the node's own does not count."""
    skin = file.item("skins", node["skin"])
    joints = skin["joints"]
    matrices = np.stack([worlds.get(joint, np.eye(4)) for joint in joints])
    if "inverseBindMatrices" in skin:
        matrices = matrices @ file.array(skin["inverseBindMatrices"])[: len(joints)].swapaxes(1, 2)
    attributes = primitive["attributes"]
    total: Any = 0.0
    for number in range(8):
        if f"JOINTS_{number}" not in attributes:
            break
        index = file.array(attributes[f"JOINTS_{number}"]).astype(np.int64)
        weights = file.array(attributes[f"WEIGHTS_{number}"]).astype(np.float64)
        total = total + np.einsum("vj,vjab->vab", weights, matrices[index])
    if not isinstance(total, np.ndarray):
        return np.eye(4)
    return total / np.maximum(total[:, 3:, 3:], 1e-12)


@dataclass
class _Primitive:
    """Triangles as they lie in the file."""

    file: GltfFile
    json: dict[str, Any]
    weights: list[float] | None

    def __post_init__(self) -> None:
        self.attributes: dict[str, Any] = self.json["attributes"]
        self.faces: NDArray[np.int64] | None = None
        mode = self.json.get("mode", 4)
        if mode not in (4, 5, 6) or "POSITION" not in self.attributes:
            self.file.around.say("points and lines left out")
            return
        self.positions = self._vectors("POSITION", 3)
        count = len(self.positions)
        index = np.arange(count)
        if "indices" in self.json:
            index = self.file.array(self.json["indices"]).astype(np.int64).reshape(-1)
        faces = _triangles(index, mode)
        there = (faces < count).all(1)
        if not there.all():
            self.file.around.say(f"{(~there).sum()} faces left out, of vertices that are not there")
        self.faces = faces[there]

    def _vectors(self, name: str, size: int) -> Array:
        """An attribute `[u, size]`, with the morph targets that are on."""
        values = self.file.array(self.attributes[name]).astype(np.float64)
        if values.ndim != 2 or values.shape[1] != size:
            raise ValueError(f"{name} of shape {values.shape}")
        for target, weight in zip(self.json.get("targets", []), self.weights or [], strict=False):
            if weight and name in target:
                values = values + float(weight) * self.file.array(target[name])
        return values

    def part(self, transform: Array, looks: dict[Any, Look]) -> Part:
        """Placed by a matrix `[4, 4]`, or one for each vertex `[u, 4, 4]`."""
        assert self.faces is not None
        turn, move = transform[..., :3, :3], transform[..., :3, 3]
        vertices = (turn @ self.positions[..., None])[..., 0] + move
        faces = self.faces
        mirrored = np.linalg.det(turn).mean() < 0
        if mirrored:
            faces = faces[:, ::-1]  # turned outside again
        normals = flat_normals(vertices[faces])
        if "NORMAL" in self.attributes:
            given = (_of_normals(turn) @ self._vectors("NORMAL", 3)[..., None])[..., 0]
            given = -given if mirrored else given
            length = np.linalg.norm(given, axis=1, keepdims=True)
            usable = np.isfinite(length) & (length > 0)
            shaded = (given / np.where(usable, length, 1.0))[faces]
            normals = np.where(usable[faces], shaded, normals).astype(np.float32)
        part = Part(vertices, faces, normals, Material())
        colours = self._colours()
        if colours is not None:
            part = replace(part, colours=colours[faces], material=Material((1.0,) * 4, cutoff=0.0))
        return self._dressed(part, looks) if "material" in self.json else part

    def _colours(self) -> Array | None:
        """RGBA in linear light `[u, 4]`."""
        if "COLOR_0" not in self.attributes:
            return None
        accessor = self.file.item("accessors", self.attributes["COLOR_0"])
        stored = self.file.array(self.attributes["COLOR_0"])
        colours = stored.astype(np.float64)
        if stored.dtype.kind in "iu" and not accessor.get("normalized"):
            colours /= np.iinfo(stored.dtype).max  # what the format asks for and some programs forget to say
        if colours.shape not in ((len(self.positions), 3), (len(self.positions), 4)):
            raise ValueError(f"COLOR_0 of shape {colours.shape}")
        colours = np.clip(np.nan_to_num(colours), 0, 1)
        return colours if colours.shape[1] == 4 else np.column_stack([colours, np.ones(len(colours))])

    def _dressed(self, part: Part, looks: dict[Any, Look]) -> Part:
        index = self.json["material"]
        if index not in looks:
            looks[index] = read_look(self.file, index)
        look = looks[index]
        if look.material.texture is None:
            return replace(part, material=look.material)
        name = f"TEXCOORD_{look.places}"
        if name not in self.attributes:
            self.file.around.say("textures left out where there are no texture coordinates")
            return replace(part, material=replace(look.material, texture=None))
        accessor = self.file.item("accessors", self.attributes[name])
        places = self.file.array(self.attributes[name])
        if places.dtype.kind in "iu" and "KHR_mesh_quantization" not in self.file.json.get("extensionsUsed", []):
            places = places / np.iinfo(places.dtype).max
        if places.shape != (len(self.positions), 2):
            raise ValueError(f"{name} of shape {places.shape} ({accessor.get('type')})")
        return replace(part, material=look.material, places=look.turned(np.nan_to_num(places))[part.triangles])


def _of_normals(turn: Array) -> Array:
    """The matrices `[..., 3, 3]` that turn normals as `turn` turns what they stand on: its cofactors."""
    first, second, third = np.moveaxis(turn, -1, 0)
    return np.stack([np.cross(second, third), np.cross(third, first), np.cross(first, second)], -1)


def _triangles(index: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """Corners `[t, 3]` of a list (4), a strip (5) or a fan (6)."""
    if mode == 4:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if mode == 6:
        return np.stack([np.broadcast_to(index[:1], max(len(index) - 2, 0)), index[1:-1], index[2:]], -1)
    strip = np.stack([index[:-2], index[1:-1], index[2:]], -1)
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip
