"""Damage to what lies in containers that are themselves whole: safetensors files, and zip archives with right sums."""

import io
import json
import math
import random
import zipfile
from typing import Any

import numpy as np

from tests.fuzz.mutations import Mutation, changed_json, damage_bytes

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
SHAPES: tuple[list[Any], ...] = ([], [0], [-1], [2**62], [2**31, 2**31], [10**9], [1.5], ["a"], [2**64 - 1, 2])
NUMBERS = (math.nan, math.inf, -math.inf, 3e38, 1e-40, 0.0, -1.0)
Tensors = dict[str, tuple[str, list[int], bytes]]
"""By name: type, shape, content."""


def damage_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes; or the header alone; or tensors (types, shapes, numbers, names) in a file that is whole."""
    kind = rng.random()
    if kind < 0.25:
        return damage_bytes(content, rng)
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    if kind < 0.35:
        length = rng.choice((0, 1, size - 1, size + 1, len(content), 2**31, 2**63, 2**64 - 1))
        return length.to_bytes(8, "little") + content[8:]
    if kind < 0.6:
        text = _changed_header(header, rng).encode("utf-8", "surrogatepass")
        return len(text).to_bytes(8, "little") + text + body
    metadata = header.pop("__metadata__", None)
    tensors: Tensors = {
        name: (item["dtype"], item["shape"], body[slice(*item["data_offsets"])]) for name, item in header.items()
    }
    return _packed(_changed_tensors(tensors, rng), metadata)


def damage_state(content: bytes, rng: random.Random) -> bytes:
    """`damage_safetensors`; or the JSON in the metadata of a file that is whole."""
    if rng.random() < 0.6:
        return damage_safetensors(content, rng)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header["__metadata__"]
    name = rng.choice(list(metadata))
    try:
        metadata[name] = changed_json(json.loads(metadata[name]), rng)
    except ValueError:
        metadata[name] = damage_bytes(metadata[name].encode(), rng).decode("latin-1")
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def damage_zip(member: Mutation) -> Mutation:
    """Damage bytes of an archive; or of one of its files by `member`, with a sum that is right again."""

    def damage(content: bytes, rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return damage_bytes(content, rng)
        changed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(changed, "w") as other:
            infos = archive.infolist()
            chosen = rng.choice(infos)
            for info in infos:
                data = archive.read(info)
                if info is chosen:
                    if rng.random() < 0.1:
                        continue
                    data = member(data, rng)
                other.writestr(info, data)
        return changed.getvalue()

    return damage


def _changed_header(header: dict[str, Any], rng: random.Random) -> str:
    """Header text with one thing changed, so that it no longer fits the body."""
    name = rng.choice([name for name in header if name != "__metadata__"])
    item = header[name]
    kind = rng.randrange(6)
    if kind == 0:
        item["dtype"] = rng.choice(("F64", "I8", "F8_E4M3", "X", "", 4, None))
    elif kind == 1:
        item["shape"] = rng.choice(SHAPES)
    elif kind == 2:
        first, last = item["data_offsets"]
        item["data_offsets"] = rng.choice(
            ([last, first], [first, last + 4], [0, 2**63], [-1, last], [first], [0, 0], 3)
        )
    elif kind == 3:
        del header[name]
    elif kind == 4:
        header["extra"] = dict(item)
    else:
        return changed_json(header, rng)
    return json.dumps(header)


def _changed_tensors(tensors: Tensors, rng: random.Random) -> Tensors:
    """Tensors with one changed; the file that holds them is whole."""
    name = rng.choice(list(tensors))
    dtype, shape, content = tensors[name]
    kind = rng.randrange(8)
    if kind == 0:
        del tensors[name]
    elif kind == 1:
        tensors["extra"] = tensors[name]
    elif kind == 2:
        tensors[f"{name}.other"] = tensors.pop(name)
    elif kind == 3:
        reshaped = rng.choice((shape[::-1], [math.prod(shape)], [1, *shape], [*shape, 1], [math.prod(shape), 1]))
        tensors[name] = dtype, reshaped, content
    elif kind == 4:
        alike = [other for other, size in SIZES.items() if size == SIZES[dtype] and other != dtype]
        tensors[name] = rng.choice(alike), shape, content
    elif kind == 5 and shape and shape[0]:
        rows = rng.choice((0, 1, shape[0] - 1, shape[0] + 1, 2 * shape[0]))
        row = content[: len(content) // shape[0]]
        tensors[name] = dtype, [rows, *shape[1:]], (content + row * rows)[: len(row) * rows]
    elif dtype in ("F32", "F64"):
        numbers = np.frombuffer(content, f"<f{SIZES[dtype]}").copy()
        with np.errstate(over="ignore"):
            numbers[rng.randrange(max(len(numbers), 1)) :][: rng.choice((1, 3, 10**6))] = rng.choice(NUMBERS)
        tensors[name] = dtype, shape, numbers.tobytes()
    else:
        tensors[name] = dtype, shape, rng.choice((b"\xff", b"\0", b"\x7f")) * len(content)
    return tensors


def _packed(tensors: Tensors, metadata: Any) -> bytes:
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    body = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body
