"""Settings that a file holds, as JSON -> dataclasses: each field checked by its type and range before it is used."""

import json
import sys
import types
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mnif_core.errors import CheckpointError, ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Between:
    """What a number in a file may be, ends included; it marks a field, as in `Annotated[int, Between(1, 100)]`."""

    low: float
    high: float


Width = Annotated[int, Between(1, 1 << 20)]
"""Channels, bases, dimensions: tensors of the file show whether they are right."""
Depth = Annotated[int, Between(0, 1000)]
"""Layers or blocks."""
Pixels = Annotated[int, Between(1, 1 << 14)]
Positive = Annotated[float, Between(1e-12, 1e12)]
Share = Annotated[float, Between(0.0, 1.0)]
Finite = Annotated[float, Between(-1e12, 1e12)]
NotNegative = Annotated[float, Between(0.0, 1e12)]
KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", types.NoneType: "null"}
KINDS |= {list: "a list", dict: "an object"}


def parse_json(text: str | bytes) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def from_json(kind: type[T], given: Any, where: str) -> T:
    """A dataclass of settings from the JSON object that `asdict` of one became.

    Fields may be whole numbers, finite numbers, text, truth values, `None`, lists and dictionaries of any content,
    tuples of known length (which a file holds as lists), `Literal`, unions of these, and `Annotated` with a `Between`.

    Args:
        kind: the dataclass.
        given: what the file holds in its place.
        where: `<path>: <section>`, which names it in errors.

    Raises:
        CheckpointError: no object, unknown or missing fields, a value of another type or out of range, or settings
            that contradict each other.
    """
    if not isinstance(given, dict):
        raise CheckpointError(f"{where} is {shown(given)}, not an object; restore the file, or make it anew")
    hints = get_type_hints(kind, include_extras=True)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    missing = [
        name
        for name, field in known.items()
        if name not in given and field.default is MISSING and field.default_factory is MISSING
    ]
    strange = [name for name in given if name not in known]
    for problem, names in (("lacks", missing), ("has an unknown", strange)):
        if names:
            raise CheckpointError(f"{where} {problem} {shown(names[0])}; restore the file, or make it anew")
    for name, value in given.items():
        checked(value, hints[name], f"{where}.{name}")
    try:
        return kind(**{name: _as_tuples(value, hints[name]) for name, value in given.items()})
    except ConfigError as error:
        raise CheckpointError(f"{where}: {error}") from error


def checked(value: Any, hint: Any, where: str) -> Any:
    """`value`, if it is of the type and in the range of a field's `hint` (see `from_json`).

    Raises:
        CheckpointError: it is not; `where` names it.
    """
    if not _fits(value, hint):
        raise CheckpointError(f"{where} is {shown(value)}, not {_described(hint)}; restore the file, or make it anew")
    return value


def shown(value: Any) -> str:
    """A value of a file in an error: short, printable, one line."""
    text = ascii(value) if not isinstance(value, int) or abs(value) < 10**30 else "a very large number"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *marks = get_args(hint)
        ranges = [mark for mark in marks if isinstance(mark, Between)]
        return _fits(value, inner) and all(mark.low <= value <= mark.high for mark in ranges)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(hint))
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if origin is tuple:
        parts = get_args(hint)
        return type(value) in (list, tuple) and len(value) == len(parts) and all(map(_fits, value, parts))
    if hint is float:  # NaN is in no range
        return type(value) in (int, float) and -sys.float_info.max <= value <= sys.float_info.max
    return type(value) is (origin or hint)


def _as_tuples(value: Any, hint: Any) -> Any:
    """A value that fits, its lists made the tuples that `hint` asks for."""
    if get_origin(hint) in (Union, types.UnionType):
        return _as_tuples(value, next(choice for choice in get_args(hint) if _fits(value, choice)))
    if get_origin(hint) is tuple:
        return tuple(map(_as_tuples, value, get_args(hint)))
    return value


def _described(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is tuple:
        return f"[{', '.join(map(_described, get_args(hint)))}]"
    if origin is Annotated:
        inner, mark, *_ = get_args(hint)
        return f"{_described(inner)} from {mark.low:g} to {mark.high:g}" if isinstance(mark, Between) else str(inner)
    if origin is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if origin in (Union, types.UnionType):
        return " or ".join(_described(choice) for choice in get_args(hint))
    return KINDS.get(origin or hint, str(hint))
