"""Plans as bytes and back: canonical JSON, named by what it means and not by how its source was laid out.

One codec driven by the types of `engine.model.definitions.plan`: a field that is added there is written and read here without a second list.
Bytes are never executed and name no class but those of the plan.
"""

import dataclasses
import functools
import types
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.plan import Expr, Fixed, ListArg, MapArg, Plan, Text
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json

FORMAT = 0

# The members of the one union whose parts look alike.
_ARGS: dict[str, type] = {"fixed": Fixed, "expr": Expr, "text": Text, "list": ListArg, "map": MapArg}
_TAGS = {type_: tag for tag, type_ in _ARGS.items()}
_RAW = frozenset(
    {("Fixed", "value"), ("Param", "default"), ("Input", "default"), ("Input", "least"), ("Input", "most")}
)
"""Fields that hold JSON itself."""

_T = TypeVar("_T")


def to_bytes(plan: Plan) -> bytes:
    """The canonical bytes of a plan."""
    return canonical_json.encode({"format": FORMAT, "plan": _write(plan)})


@functools.lru_cache(maxsize=16)
def from_bytes(data: bytes) -> Plan:
    """The plan that `to_bytes` wrote; the last few stay read. Raises ValueError."""
    try:
        found = canonical_json.decode(data)
        if found["format"] != FORMAT:
            raise ValueError(f"a plan of format {found['format']}; this version reads {FORMAT}")
        return read(Plan, found["plan"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error}") from error


def digest(plan: Plan) -> str:
    """SHA-256 of what the plan means: places, comments, key order and the bytes of the source itself don't count."""
    bare = dataclasses.replace(plan, files=tuple(one for one in plan.files if one[0] != plan.path))
    return canonical_json.name_of(_meaning(_write(bare)))


# Lists that are sets or maps: their order is the layout's.
_UNORDERED = frozenset(
    {"inputs", "gates", "triggers", "entries", "files", "args", "params", "match", "members"}
)


def _meaning(value: Json) -> Json:
    if isinstance(value, list):
        return [_meaning(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _meaning(one) for name, one in value.items() if name != "span"}
    for name in _UNORDERED & found.keys():
        if isinstance(found[name], list):
            found[name] = sorted(found[name], key=canonical_json.encode)
    return found


def _write(value: object) -> Json:
    match value:
        case Enum():
            return value.value
        case timedelta():
            return value.total_seconds()
        case tuple() | list():
            return [_write(one) for one in value]
        case frozenset():
            return sorted(_write(one) for one in value)
        case _ if dataclasses.is_dataclass(value):
            return _record(value)
        case _:
            return value


def _record(value: Any) -> dict[str, Json]:  # noqa: ANN401 - any class of the plan
    kind: Any = type(value)
    found: dict[str, Json] = {}
    if kind in _TAGS:
        found["arg"] = _TAGS[kind]
    for name in _fields(kind):
        one = getattr(value, name)
        found[name] = one if (kind.__name__, name) in _RAW else _write(one)
    return found


_PLAIN = frozenset({str, int, float, bool, type(None)})


def lean(value: object, shared: Callable[[ActionSpec], Json]) -> Json:
    """A dataclass as JSON that `read` takes, without the fields that have their default. `shared` stands in for actions."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return [one if type(one) in _PLAIN else lean(one, shared) for one in value]  # type: ignore[attr-defined]
    if isinstance(value, ActionSpec):
        return shared(value)
    return lean_fields(value, shared) if dataclasses.is_dataclass(value) else _write(value)


def lean_fields(value: object, shared: Callable[[ActionSpec], Json]) -> dict[str, Json]:
    """The fields of a dataclass that don't have their default, as `lean` writes them."""
    kind: Any = type(value)
    found: dict[str, Json] = {"arg": _TAGS[kind]} if kind in _TAGS else {}
    for name, default, raw in _defaults(kind):
        one = getattr(value, name)
        if one is default or (type(one) is type(default) and one == default):
            continue
        found[name] = one if raw or type(one) in _PLAIN else lean(one, shared)
    return found


@functools.cache
def _defaults(kind: type[Any]) -> tuple[tuple[str, object, bool], ...]:
    """(field, its default or something that is no value, whether it holds JSON itself)."""
    return tuple(
        (one.name, one.default, (kind.__name__, one.name) in _RAW) for one in dataclasses.fields(kind)
    )


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a class of the plan
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in dataclasses.fields(kind)}


def read(kind: type[_T], data: Json) -> _T:
    """A dataclass from the JSON of its fields. What it doesn't know is passed over; what is missing keeps its default.

    Raises what reading foreign JSON raises: KeyError, TypeError, ValueError, AttributeError.
    """
    readers = _readers(cast("Any", kind))
    return kind(**{name: readers[name](value) for name, value in data.items() if name in readers})


@functools.cache
def _readers(kind: Any) -> dict[str, Callable[[Json], Any]]:  # noqa: ANN401 - a class of the plan
    return {
        name: _as_it_is if (kind.__name__, name) in _RAW else _reader(hint)
        for name, hint in _fields(kind).items()
    }


def _as_it_is(data: Json) -> Json:
    return data


@functools.cache
def _reader(hint: Any) -> Callable[[Json], Any]:  # noqa: ANN401 - a type as an argument
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _union(inner)
    if origin is tuple:
        return _tuple(inner)
    if origin is frozenset:
        one = _reader(inner[0])
        return lambda data: frozenset(one(item) for item in data)
    if origin is Literal or hint is Any:
        return _as_it_is
    if hint is timedelta:
        return lambda data: timedelta(seconds=data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if dataclasses.is_dataclass(hint):
        kind: type[Any] = hint if isinstance(hint, type) else type(hint)
        # What was shared among many is read already.
        return lambda data: data if isinstance(data, kind) else read(kind, data)
    return _as_it_is


def _union(inner: tuple[Any, ...]) -> Callable[[Json], Any]:
    parts = tuple(one for one in inner if one is not type(None))
    if len(parts) == 1:
        one = _reader(parts[0])
        return lambda data: None if data is None else one(data)
    # `str | Expr` inside texts, and the union of arguments.
    return lambda data: read(_ARGS[data["arg"]], data) if isinstance(data, dict) else data


def _tuple(inner: tuple[Any, ...]) -> Callable[[Json], Any]:
    if len(inner) == 2 and inner[1] is Ellipsis:
        one = _reader(inner[0])
        return lambda data: tuple(one(item) for item in data)
    readers = tuple(_reader(one) for one in inner)
    return lambda data: tuple(read(item) for read, item in zip(readers, data, strict=True))
