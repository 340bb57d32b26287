"""glTF 2.0 containers: JSON, buffers, and the arrays that lie in them, none taken on trust."""

import base64
import binascii
import json
import struct
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.meshes.surroundings import Surroundings

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
SHAPES = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}
COMPRESSED = {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"}
UNDERSTOOD = {
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "KHR_texture_basisu",  # pictures that cannot be read are said one by one
    "EXT_texture_webp",
    "EXT_texture_avif",
    "MSFT_texture_dds",
    "KHR_lights_punctual",
    "EXT_lights_image_based",
}


class GltfFile:
    """A `.glb` or `.gltf` file.

    Raises:
        DataError: no such file, of another version, or it needs an extension that changes its geometry.
    """

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        content = around.path.read_bytes()
        self.binary: bytes | None = None
        self.size = len(content)  # bytes of the file and of all that was read beside it
        text = self._unpacked(content) if content[:4] == b"glTF" else content
        self.json: dict[str, Any] = json.loads(text.decode("utf-8-sig"))
        if not isinstance(self.json, dict) or not isinstance(self.json.get("asset"), dict):
            raise self._bad("no glTF: its JSON has no asset")
        if not str(self.json["asset"].get("version", "")).startswith("2"):
            raise DataError(f"{around.path}: glTF of another version than 2; export it as glTF 2.0")
        needed = {str(name) for name in self.json.get("extensionsRequired", [])}
        packed = sorted(needed & COMPRESSED)
        if packed:
            raise DataError(f"{around.path}: compressed by {packed[0]}; export it without compression")
        strange = sorted(name for name in needed - UNDERSTOOD if not name.startswith("KHR_materials_"))
        if strange:
            raise DataError(f"{around.path}: needs {strange[0]}, which is not read; export it without")
        self._buffers: dict[int, bytes] = {}

    def _unpacked(self, content: bytes) -> bytes:
        """JSON of a `.glb`; the binary chunk is kept."""
        version, length = struct.unpack_from("<II", content, 4)
        if version != 2:
            raise DataError(f"{self.around.path}: glTF of version {version}; export it as glTF 2.0")
        if length > len(content):
            raise self._bad(f"cut short: {len(content)} of {length} bytes")
        text, place = None, 12
        while place + 8 <= length:
            size, kind = struct.unpack_from("<I4s", content, place)
            chunk = content[place + 8 : place + 8 + size]
            if len(chunk) < size:
                raise self._bad("cut short")
            if kind == b"JSON" and text is None:
                text = chunk
            elif kind == b"BIN\0" and self.binary is None:
                self.binary = chunk
            place += 8 + size
        if text is None:
            raise self._bad("no JSON in it")
        return text

    def _bad(self, reason: str) -> DataError:
        return DataError(f"{self.around.path}: not a readable mesh ({reason}); repair or remove it")

    def item(self, kind: str, index: Any) -> dict[str, Any]:
        """Member `index` of one of the file's lists, such as its nodes.

        Raises:
            DataError: there is none.
        """
        items = self.json.get(kind, [])
        if not isinstance(index, int) or not isinstance(items, list) or not 0 <= index < len(items):
            raise self._bad(f"{kind}[{str(index)[:40]}] is named and not there")
        if not isinstance(items[index], dict):
            raise self._bad(f"{kind}[{index}] is no object")
        return items[index]

    def resource(self, uri: str) -> bytes | None:
        """Content of a data URI or of a file beside this one; none if that is missing."""
        if uri.startswith("data:"):
            head, _, body = uri.partition(",")
            try:
                return base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)
            except binascii.Error:
                return b""
        file = self.around.find(uri)
        return None if file is None else file.read_bytes()

    def buffer(self, index: Any) -> bytes:
        """Content of a buffer.

        Raises:
            DataError: it is missing or shorter than said.
        """
        buffer = self.item("buffers", index)
        if index not in self._buffers:
            uri = buffer.get("uri")
            content = self.binary if uri is None else self.resource(str(uri))
            if content is None:
                name = "its binary part" if uri is None else f"'{uri}'"
                raise DataError(f"{self.around.path}: {name} is missing; restore it, or export the mesh as .glb")
            if not 0 <= int(buffer["byteLength"]) <= len(content):
                raise self._bad(f"buffers[{index}] is cut short: {len(content)} of {buffer['byteLength']} bytes")
            self._buffers[index] = content
            self.size += 0 if uri is None else len(content)
        return self._buffers[index]

    def view(self, index: Any) -> tuple[memoryview, int]:
        """Bytes of a buffer view, and from one element to the next, 0 where they are packed."""
        view = self.item("bufferViews", index)
        content = self.buffer(view.get("buffer"))
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        stride = int(view.get("byteStride", 0))
        if start < 0 or length < 0 or start + length > len(content) or not 0 <= stride <= 252:
            raise self._bad(f"bufferViews[{index}] reaches beyond its buffer")
        return memoryview(content)[start : start + length], stride

    def array(self, index: Any) -> NDArray[Any]:
        """Values of an accessor `[count, ...]`: as float where they are normalised.

        Raises:
            DataError: it reaches beyond what the file holds.
        """
        accessor = self.item("accessors", index)
        dtype, shape = np.dtype(COMPONENTS[accessor["componentType"]]), SHAPES[accessor["type"]]
        count = int(accessor["count"])
        if "bufferView" in accessor:
            values = self._strided(accessor, dtype, shape, count, f"accessors[{index}]").copy()
        elif 0 <= count <= self.size:
            values = np.zeros((count, *shape), dtype)
        else:
            raise self._bad(f"accessors[{index}] has {count} values that no buffer holds")
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            number = int(sparse["count"])
            where = sparse["indices"]
            kind = np.dtype(COMPONENTS[where["componentType"]])
            at = self._strided(where, kind, (), number, f"accessors[{index}].sparse").astype(np.int64)
            if len(at) and not 0 <= at.min() <= at.max() < count:
                raise self._bad(f"accessors[{index}].sparse reaches beyond it")
            values[at] = self._strided(sparse["values"], dtype, shape, number, f"accessors[{index}].sparse")
        if accessor.get("normalized") and dtype.kind in "iu":
            return np.maximum(values / np.float32(np.iinfo(dtype).max), -1.0).astype(np.float32)
        return values

    def _strided(
        self, place: dict[str, Any], dtype: np.dtype[Any], shape: tuple[int, ...], count: int, name: str
    ) -> NDArray[Any]:
        content, stride = self.view(place["bufferView"])
        start, size = int(place.get("byteOffset", 0)), dtype.itemsize * int(np.prod(shape, dtype=int))
        stride = stride or size
        if count < 0 or start < 0 or (count > 0 and start + (count - 1) * stride + size > len(content)):
            raise self._bad(f"{name} reaches beyond its buffer view")
        inner = tuple(np.cumprod((dtype.itemsize, *shape[:0:-1]))[::-1].tolist()) if shape else ()
        return np.ndarray((count, *shape), dtype, content, start if count else 0, (stride, *inner))
