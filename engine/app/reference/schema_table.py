"""The keys of every kind of file as rows of a table, read off the same schemas that editors get."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from engine.language.schemas.fragments import Shape
from engine.language.schemas.schemas import all_schemas

_ENDING = ".schema.json"
_DEEPEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One key: its name, indented under the one it belongs to; a ``*`` behind it: required."""

    name: str
    kind: str
    meaning: str


def file_kinds() -> dict[str, str]:
    """Kind of file → what its schema is called."""
    return {name.removesuffix(_ENDING): str(shape["title"]) for name, shape in all_schemas().items()}


def schema(file_kind: str) -> Shape:
    """The draft-07 schema. Raises KeyError."""
    return all_schemas()[f"{file_kind}{_ENDING}"]


@cache
def rows(file_kind: str) -> tuple[KeyRow, ...]:
    """Every key of a kind of file, top to bottom. Raises KeyError."""
    return tuple(_rows(schema(file_kind), 0))


def _rows(shape: Shape, depth: int) -> Iterator[KeyRow]:
    if depth > _DEEPEST:
        return
    required = shape.get("required", [])
    for key, member in _members(shape):
        name = f"{'  ' * depth}{key}{'*' if key in required else ''}"
        yield KeyRow(name=name, kind=_kind(member), meaning=str(member.get("description", "")))
        inner = _inner(member)
        if inner is not None:
            yield from _rows(inner, depth + 1)


def _members(shape: Shape) -> list[tuple[str, Shape]]:
    named = list(shape.get("properties", {}).items())
    return [*named, *(("<name>", member) for member in shape.get("patternProperties", {}).values())]


def _inner(shape: Shape) -> Shape | None:
    """The map below a key whose own keys are rows: itself, the items of a list, or one of several forms."""
    forms = [shape, shape.get("items"), *shape.get("anyOf", []), *shape.get("allOf", [])]
    for form in forms:
        if isinstance(form, dict) and (form.get("properties") or _named_maps(form)):
            return form
    return None


_NAMED = {"string": "text", "array": "list", "object": "map", "boolean": "bool"}


def _named_maps(shape: Shape) -> bool:
    return any(_members(member) for member in shape.get("patternProperties", {}).values())


def _kind(shape: Shape) -> str:
    match shape:
        case {"oneOf": list(forms)} if all("const" in form for form in forms):
            return f"one of {', '.join(str(form['const']) for form in forms)}"
        case {"const": value}:
            return f"always {value}"
        case {"$ref": str(ref)}:
            return ref.rpartition("/")[2]
        case {"allOf": [dict(only)]}:
            return _kind(only)
        case {"anyOf": list(forms)}:
            return " or ".join(dict.fromkeys(map(_kind, forms)))
        case {"type": "array", **rest}:
            return f"[{_kind(rest.get('items', {}))}]"
        case {"type": "object"}:
            return "map"
        case {"type": list(types)}:
            named = (_NAMED.get(str(json_type), str(json_type)) for json_type in types)
            return "text" if "number" in types else " or ".join(named)
        case {"type": "string"}:
            return "text"
        case {"type": str(name)}:
            return "bool" if name == "boolean" else name
        case _:
            return "any"
