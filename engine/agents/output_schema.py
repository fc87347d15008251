"""What an agent's outputs must look like: a check of JSON against the type language, and the types as JSON for the child.

Used on both sides of the pipe: in the child, so that a misfit is repaired once, and in the engine, which believes no child.
"""

import math
import re
from datetime import date
from typing import Any

from engine.model.definitions.types import Field, Type, members
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money

MAX_TEXT = 100_000
MAX_ITEMS = 1000
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]{1,2000}")
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,250}")


def dump(field: Field) -> dict[str, Json]:
    """A field as JSON."""
    return {
        "name": field.name,
        "type": _dump(field.type),
        "optional": field.optional,
        "description": field.description,
    }


def load(dumped: dict[str, Any]) -> Field:
    """The field `dump` wrote."""
    return Field(
        name=dumped["name"],
        type=_load(dumped["type"]),
        optional=dumped["optional"],
        description=dumped["description"],
    )


def _dump(type_: Type) -> dict[str, Json]:
    return {
        "kind": type_.kind,
        "items": _dump(type_.items) if type_.items is not None else None,
        "fields": [dump(field) for field in type_.fields],
        "options": list(type_.options),
        "nullable": type_.nullable,
    }


def _load(dumped: dict[str, Any]) -> Type:
    return Type(
        kind=dumped["kind"],
        items=_load(dumped["items"]) if dumped["items"] is not None else None,
        fields=tuple(load(field) for field in dumped["fields"]),
        options=tuple(dumped["options"]),
        nullable=dumped["nullable"],
    )


def misfits(outputs: Json, fields: tuple[Field, ...]) -> str:
    """Why `outputs` isn't exactly these fields, in plain words; empty when it is."""
    return _record(outputs, fields, "the answer", items=None)


def _record(value: Json, fields: tuple[Field, ...], location: str, *, items: Type | None) -> str:
    if not isinstance(value, dict):
        return f"{location} is not a record"
    known = {field.name: field for field in fields}
    for name in value:
        if name not in known and items is None:
            return f"{location} has a field {name[:40]!r} nobody asked for"
    for field in fields:
        if value.get(field.name) is None:
            if not (field.optional or field.type.nullable):
                return f"{location} has no {field.name}"
        elif wrong := _misfit(value[field.name], field.type, field.name):
            return wrong
    extras = (extra for name, extra in value.items() if name not in known)
    return next((wrong for extra in extras if items and (wrong := _misfit(extra, items, location))), "")


def _misfit(value: Json, type_: Type, location: str) -> str:
    if value is None and type_.nullable:
        return ""
    match type_.kind:
        case "map" | "person" | "file" | "note":
            return _record(value, members(type_), location, items=type_.items)
        case "list":
            return _list(value, type_, location)
        case "any":
            return ""
        case "number":
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "integer":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "bool":
            fits = isinstance(value, bool)
        case "choice":
            return "" if value in type_.options else f"{location} is none of {', '.join(type_.options)}"
        case _:
            fits = isinstance(value, str) and len(value) <= MAX_TEXT and _text_fits(value, type_.kind)
    return "" if fits else f"{location} is not {_words(type_)}"


def _list(value: Json, type_: Type, location: str) -> str:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        return f"{location} is not a list of at most {MAX_ITEMS}"
    if type_.items is None:
        return ""
    return next(
        (wrong for element in value if (wrong := _misfit(element, type_.items, f"an item of {location}"))), ""
    )


def _text_fits(text: str, kind: str) -> bool:
    match kind:
        case "money":
            return _parses(Money.parse, text)
        case "date":
            return _parses(date.fromisoformat, text)
        case "url":
            return _URL.fullmatch(text) is not None
        case "email":
            return _EMAIL.fullmatch(text) is not None
        case _:
            return True


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _words(type_: Type) -> str:
    return {
        "money": "an amount like 12.00 EUR",
        "date": "a date like 2026-03-31",
        "url": "a link that begins with http",
        "email": "an e-mail address",
        "number": "a number",
        "integer": "a whole number",
        "bool": "true or false",
    }.get(type_.kind, "text")
