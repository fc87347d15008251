"""Plans as bytes and back: canonical JSON, with a digest of the meaning and not of the source's layout.

One codec driven by the types of `engine.model.definitions.plan`: a field added there is written and read here without a second list.
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
def from_bytes(plan_bytes: bytes) -> Plan:
    """The plan that `to_bytes` wrote; the last few are cached. Raises ValueError."""
    try:
        document = canonical_json.decode(plan_bytes)
        if document["format"] != FORMAT:
            raise ValueError(f"a plan of format {document['format']}; this version reads {FORMAT}")
        return read(Plan, document["plan"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error}") from error


def digest(plan: Plan) -> str:
    """SHA-256 of what the plan means: places, comments, key order and the bytes of the source itself don't count."""
    bare = dataclasses.replace(plan, files=tuple(file for file in plan.files if file[0] != plan.path))
    return canonical_json.name_of(_meaning(_write(bare)))


# Lists that are sets or maps: their order is the layout's.
_UNORDERED = frozenset(
    {"inputs", "gates", "triggers", "entries", "files", "args", "params", "match", "members"}
)


def _meaning(value: Json) -> Json:
    if isinstance(value, list):
        return [_meaning(element) for element in value]
    if not isinstance(value, dict):
        return value
    fields = {name: _meaning(member) for name, member in value.items() if name != "span"}
    for name in _UNORDERED & fields.keys():
        if isinstance(fields[name], list):
            fields[name] = sorted(fields[name], key=canonical_json.encode)
    return fields


def _write(value: object) -> Json:
    match value:
        case Enum():
            return value.value
        case timedelta():
            return value.total_seconds()
        case tuple() | list():
            return [_write(element) for element in value]
        case frozenset():
            return sorted(_write(element) for element in value)
        case _ if dataclasses.is_dataclass(value):
            return _record(value)
        case _:
            return value


def _record(value: Any) -> dict[str, Json]:  # noqa: ANN401 - any class of the plan
    kind: Any = type(value)
    record: dict[str, Json] = {}
    if kind in _TAGS:
        record["arg"] = _TAGS[kind]
    for name in _fields(kind):
        field_value = getattr(value, name)
        record[name] = field_value if (kind.__name__, name) in _RAW else _write(field_value)
    return record


_PLAIN = frozenset({str, int, float, bool, type(None)})


def lean(value: object, shared: Callable[[ActionSpec], Json]) -> Json:
    """A dataclass as JSON that `read` takes, without the fields that have their default. `shared` stands in for actions."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return [element if type(element) in _PLAIN else lean(element, shared) for element in value]  # type: ignore[attr-defined]
    if isinstance(value, ActionSpec):
        return shared(value)
    return lean_fields(value, shared) if dataclasses.is_dataclass(value) else _write(value)


def lean_fields(value: object, shared: Callable[[ActionSpec], Json]) -> dict[str, Json]:
    """The fields of a dataclass that don't have their default, as `lean` writes them."""
    kind: Any = type(value)
    record: dict[str, Json] = {"arg": _TAGS[kind]} if kind in _TAGS else {}
    for name, default, raw in _defaults(kind):
        field_value = getattr(value, name)
        if field_value is default or (type(field_value) is type(default) and field_value == default):
            continue
        record[name] = field_value if raw or type(field_value) in _PLAIN else lean(field_value, shared)
    return record


@functools.cache
def _defaults(kind: type[Any]) -> tuple[tuple[str, object, bool], ...]:
    """(field, its default or `MISSING`, whether it holds JSON itself)."""
    return tuple(
        (field.name, field.default, (kind.__name__, field.name) in _RAW) for field in dataclasses.fields(kind)
    )


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a class of the plan
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def read(kind: type[_T], encoded: Json) -> _T:
    """A dataclass from the JSON of its fields. Unknown fields are ignored; missing ones get their default.

    Raises what reading foreign JSON raises: KeyError, TypeError, ValueError, AttributeError.
    """
    readers = _readers(cast("Any", kind))
    return kind(**{name: readers[name](value) for name, value in encoded.items() if name in readers})


@functools.cache
def _readers(kind: Any) -> dict[str, Callable[[Json], Any]]:  # noqa: ANN401 - a class of the plan
    return {
        name: _unchanged if (kind.__name__, name) in _RAW else _reader(hint)
        for name, hint in _fields(kind).items()
    }


def _unchanged(encoded: Json) -> Json:
    return encoded


@functools.cache
def _reader(hint: Any) -> Callable[[Json], Any]:  # noqa: ANN401 - a type as an argument
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _union(inner)
    if origin is tuple:
        return _tuple(inner)
    if origin is frozenset:
        read_element = _reader(inner[0])
        return lambda encoded: frozenset(read_element(element) for element in encoded)
    if origin is Literal or hint is Any:
        return _unchanged
    if hint is timedelta:
        return lambda encoded: timedelta(seconds=encoded)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if dataclasses.is_dataclass(hint):
        kind: type[Any] = hint if isinstance(hint, type) else type(hint)
        # A value shared by many plans is already read.
        return lambda encoded: encoded if isinstance(encoded, kind) else read(kind, encoded)
    return _unchanged


def _union(inner: tuple[Any, ...]) -> Callable[[Json], Any]:
    parts = tuple(member for member in inner if member is not type(None))
    if len(parts) == 1:
        read_member = _reader(parts[0])
        return lambda encoded: None if encoded is None else read_member(encoded)
    # `str | Expr` inside texts, and the union of arguments.
    return lambda encoded: read(_ARGS[encoded["arg"]], encoded) if isinstance(encoded, dict) else encoded


def _tuple(inner: tuple[Any, ...]) -> Callable[[Json], Any]:
    if len(inner) == 2 and inner[1] is Ellipsis:
        read_element = _reader(inner[0])
        return lambda encoded: tuple(read_element(element) for element in encoded)
    readers = tuple(_reader(element_type) for element_type in inner)
    return lambda encoded: tuple(read(element) for read, element in zip(readers, encoded, strict=True))
