"""When a value of one type may stand where another is wanted, and the one type that fits two."""

from dataclasses import replace

from engine.language.types.scope import fields_of
from engine.language.types.type_syntax import certain, nullable
from engine.model.definitions.types import ANY, NUMBER, TEXT, Field, Kind, Type

# What is text with a known form; it may stand wherever text may.
TEXTUAL: frozenset[Kind] = frozenset({"text", "url", "email", "choice", "date", "length", "time"})
_MAPS = frozenset({"map", "person", "file", "note"})


def assignable(got: Type, wanted: Type) -> bool:
    """Whether every value of `got` is one of `wanted`."""
    if got.kind == "any" or wanted.kind == "any":
        return wanted.kind == "any" or wanted.nullable or not got.nullable
    if got.nullable and not wanted.nullable:
        return False
    if wanted.kind == "list":
        if got.kind != "list" or got.items is None or wanted.items is None:
            return got.kind == "list"
        return assignable(certain(got.items), wanted.items)  # null entries are left out
    if wanted.kind == "choice":
        return got.kind == "choice" and set(got.options) <= set(wanted.options)
    if wanted.kind == "number":
        return got.kind in {"number", "integer"}
    if wanted.kind == "text":
        return got.kind in TEXTUAL
    if wanted.kind in _MAPS and got.kind in _MAPS:
        return got.kind == wanted.kind != "map" or _fits(got, wanted)
    return got.kind == wanted.kind


def _fits(got: Type, wanted: Type) -> bool:
    for one in fields_of(wanted):
        have = got.field(one.name)
        if have is None:
            if not (one.optional or one.type.nullable):
                return False
        elif not assignable(of_field(have), of_field(one)):
            return False
    return True


def of_field(field: Field) -> Type:
    """The type read at a field: an optional one may be null."""
    return nullable(field.type) if field.optional else field.type


def unify(a: Type, b: Type) -> Type | None:
    """The narrowest type both fit, or None."""
    null = a.nullable or b.nullable
    found = _unify(certain(a), certain(b))
    if found is None:
        return None
    return nullable(found) if null else found


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
