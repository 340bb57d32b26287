"""Damage to files of any kind, drawn by a seed: the same random numbers always do the same damage."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

DEEP = "deeply nested"
VALUES: tuple[Any, ...] = (
    0, -1, 1, 7, 10**6, 2**31, -(2**31), 2**63, 10**30, 0.5, 1e-300, 1e308, -1e308, float("nan"), float("inf"),
    True, None, "", "word", "1", "\n\0", "../..", "x" * 5000, [], {}, [[]], [1, 2, 3], ["a"] * 3, {"a": {"b": 1}}, DEEP,
)  # fmt: skip
"""What takes the place of a JSON value."""
WORDS = (
    *("nan", "inf", "-inf", "1e308", "-1", "0", "1e-300", "99999999999", "word", "1/2", "0x10", "١", "\0", "-", "."),
    *("#", "1" * 5000, "\u2028", "1_0"),
)
"""What takes the place of a word in text."""


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, insert, double, overwrite or swap bytes, one to three times."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(BYTES)(content, rng)
    return content


def damage_json(content: bytes, rng: random.Random) -> bytes:
    """Mostly replace, remove or double a field of any depth; now and then, damage bytes."""
    if rng.random() < 0.15:
        return damage_bytes(content, rng)
    return changed_json(json.loads(content), rng).encode("utf-8", "surrogatepass")


def damage_text(content: bytes, rng: random.Random) -> bytes:
    """Mostly replace, remove, double or add a word, or remove a line; now and then, damage bytes."""
    if rng.random() < 0.25:
        return damage_bytes(content, rng)
    words = re.split(r"([^\s/]+)", content.decode())  # words at odd places
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = 2 * rng.randrange(max(len(words) // 2, 1)) + 1
        if at < len(words):
            kind = rng.randrange(5)
            words[at] = [rng.choice(WORDS), "", f"{words[at]} {words[at]}", f"{words[at]} {rng.choice(WORDS)}", "-1"][
                kind
            ]
    lines = "".join(words).split("\n")
    if rng.random() < 0.2 and len(lines) > 1:
        del lines[rng.randrange(len(lines))]
    return "\n".join(lines).encode()


def changed_json(value: Any, rng: random.Random) -> str:
    """JSON text of `value` with one node changed: replaced, removed, scaled, negated or, in an object, doubled."""
    doubled = ""
    nodes = [(parent, key) for parent, key in _nodes(value)]
    if nodes:
        parent, key = rng.choice(nodes)
        kind = rng.random()
        old = parent[key]
        if kind < 0.15:
            del parent[key]
        elif kind < 0.35 and isinstance(old, (int, float)):
            parent[key] = rng.choice((-old, old * 1000, old + 1, float(old), str(old), old * 10**12, -1 - old))
        elif kind < 0.4 and isinstance(old, list) and old:
            parent[key] = rng.choice((old * 2, old[:-1], [old], old[0]))
        elif kind < 0.45 and isinstance(value, dict):
            name = rng.choice(list(value))
            doubled = f", {json.dumps(name)}: {json.dumps(rng.choice(VALUES[:-1]))}"
        else:
            parent[key] = rng.choice(VALUES)
    text = json.dumps(value).replace(json.dumps(DEEP), "[" * 20_000 + "]" * 20_000)
    return text[:-1] + doubled + text[-1] if doubled else text


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """All places in a JSON value, as a container and a key or an index of it."""
    found = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, child in items:
            found.append((container, key))
            if isinstance(child, (dict, list)):
                waiting.append(child)
    return found


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(min(len(changed), rng.choice((1, 2, 8, 32)))):
        changed[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return rng.choice((content[:at], content[at:], content[:-1], content[: at // 16], b""))


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.randbytes(rng.choice((1, 4, 64, 1000))) + content[at:]


def _double(content: bytes, rng: random.Random) -> bytes:
    at, length = _place(content, rng), rng.choice((1, 4, 64, 1000))
    return content[: at + length] + content[at:]


def _remove(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + rng.choice((1, 4, 64)) :]


def _overwrite(content: bytes, rng: random.Random) -> bytes:
    at, length = _place(content, rng), rng.choice((1, 2, 4, 8, 64))
    fill = rng.choice((b"\xff" * length, b"\0" * length, b"\xff" * (length - 1) + b"\x7f", rng.randbytes(length)))
    return content[:at] + fill + content[at + length :]


BYTES: tuple[Mutation, ...] = (_flip, _cut, _insert, _double, _remove, _overwrite, _overwrite)


def _place(content: bytes, rng: random.Random) -> int:
    """Anywhere, but every other time in the first bytes, where sizes stand."""
    if not content:
        return 0
    return rng.randrange(min(len(content), rng.choice((64, 400, len(content), len(content)))))
