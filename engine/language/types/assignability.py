"""When a value of one type is accepted where another is expected, and the narrowest type that fits two."""

from dataclasses import replace

from engine.language.types.scope import fields_of
from engine.language.types.type_syntax import certain, nullable
from engine.model.definitions.types import ANY, NUMBER, TEXT, Field, Kind, Type

# Text of a known form, accepted wherever text is.
TEXTUAL: frozenset[Kind] = frozenset({"text", "url", "email", "choice", "date", "length", "time"})
_MAPS = frozenset({"map", "person", "file", "note"})


def assignable(source: Type, target: Type) -> bool:
    """Whether every value of type `source` is also of type `target`."""
    if source.kind == "any" or target.kind == "any":
        return target.kind == "any" or target.nullable or not source.nullable
    if source.nullable and not target.nullable:
        return False
    if target.kind == "list":
        if source.kind != "list" or source.items is None or target.items is None:
            return source.kind == "list"
        return assignable(certain(source.items), target.items)  # null entries are left out
    if target.kind == "choice":
        return source.kind == "choice" and set(source.options) <= set(target.options)
    if target.kind == "number":
        return source.kind in {"number", "integer"}
    if target.kind == "text":
        return source.kind in TEXTUAL
    if target.kind in _MAPS and source.kind in _MAPS:
        return source.kind == target.kind != "map" or _fits(source, target)
    return source.kind == target.kind


def _fits(source: Type, target: Type) -> bool:
    for field in fields_of(target):
        have = source.field(field.name)
        if have is None:
            if not (field.optional or field.type.nullable):
                return False
        elif not assignable(of_field(have), of_field(field)):
            return False
    return True


def of_field(field: Field) -> Type:
    """The type read at a field: an optional one may be null."""
    return nullable(field.type) if field.optional else field.type


def unify(a: Type, b: Type) -> Type | None:
    """The narrowest type both fit, or None."""
    null = a.nullable or b.nullable
    narrowest = _unify(certain(a), certain(b))
    if narrowest is None:
        return None
    return nullable(narrowest) if null else narrowest


def _unify(a: Type, b: Type) -> Type | None:
    if a == b or b.kind == "any":
        return a if a == b else ANY
    if a.kind == "any":
        return ANY
    if {a.kind, b.kind} == {"number", "integer"}:
        return NUMBER
    if a.kind == b.kind == "choice":
        return replace(a, options=tuple(dict.fromkeys((*a.options, *b.options))))
    if a.kind in TEXTUAL and b.kind in TEXTUAL:
        return TEXT
    if a.kind == b.kind == "list" and a.items is not None and b.items is not None:
        # The empty list is a list of anything.
        if ANY in {a.items, b.items}:
            return a if b.items == ANY else b
        items = unify(a.items, b.items)
        return None if items is None else Type(kind="list", items=items)
    if assignable(a, b):
        return b
    if assignable(b, a):
        return a
    return None
