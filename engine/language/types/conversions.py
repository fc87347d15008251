"""How to get from a value of one type to a place of another: a function that converts it, a field of it, or another value of that type."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.language.text import scalars as written_values
from engine.language.text.suggest import nearest
from engine.language.types.assignability import assignable, of_field
from engine.language.types.scope import TypeScope, fields_of
from engine.language.types.type_syntax import certain
from engine.model.definitions.types import TEXT, Type

_MAX = 3
_WRITTEN = frozenset({"number", "integer", "bool", "money"})
_OPEN = frozenset({"any", "text", "bool"})
"""Types that fit nearly every value: naming another value of these types would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What to say, and the expression to write instead where only one can be meant."""

    hint: str
    instead: str | None = None


def way(source: Type, target: Type, written: str, scope: TypeScope | None = None) -> Way:
    """How a value of type `source`, written so, gets to a place of type `target`. Its hint is never empty."""
    source, target = certain(source), certain(target)
    conversion = _by_function(source, target, written)
    if conversion is not None:
        return conversion
    fields = [f"{written}.{name}" for name, type_ in _fields(source) if assignable(type_, target)]
    if fields:
        return Way(hint=f"it has {_listed(fields)}", instead=fields[0] if len(fields) == 1 else None)
    alternatives = _alternatives(scope, target, written) if scope is not None else []
    if alternatives:
        return Way(hint=f"of that type: {_listed(alternatives)}")
    return Way(hint=_NOTHING.get(target.kind) or _hint_on_parts(source, target))


def _by_function(source: Type, target: Type, written: str) -> Way | None:
    """The conversion by a function, an index or a literal around it; None where there is none."""
    match source.kind, target.kind:
        case kind, "text" if kind in _WRITTEN:
            call = f"text({written})"
        case "time", "date":
            call = f"day({written})"
        case "date", "time":
            return Way(hint=f"`at` makes a time of a day: `at({written}, '09:00')`")
        case "list", "text" if source.items is not None and assignable(certain(source.items), TEXT):
            return Way(hint=f"`join` makes one text of it: `{written}.join(', ')`")
        case "list", "bool":
            call = f"size({written}) > 0"
        case "list", _ if source.items is not None and assignable(certain(source.items), target):
            return Way(
                hint=f"this is a list: `{written}[0]` is its first, and `foreach` goes through all of it"
            )
        case _, "list" if target.items is not None and assignable(source, target.items):
            return Way(hint=f"a list of it alone is `[{written}]`")
        case "number" | "integer", "money":
            return Way(hint=f"an amount has a currency: `times('1.00 EUR', {written})`")
        case _:
            return None
    return Way(hint=f"write `{call}`", instead=call)


def like(type_: Type) -> str:
    """How a value of this type is written in an expression; empty where none can be written."""
    example = written_values.EXAMPLES.get(type_.kind)
    quotes = "" if type_.kind in {"number", "integer", "bool"} else "'"
    return f"write it like `{quotes}{example}{quotes}`" if example else ""


_NOTHING = {
    "bool": "compare it with something, like `… == 'yes'`",
    "length": "write a length like `'3d'`",
    "file": "a file comes from a step or an event, never from text",
    "email": "declare it as `email` where it comes from",
    "url": "declare it as `url` where it comes from",
    "date": "write a day like `'2026-05-01'`, or declare it as `date` where it comes from",
    "time": "write a time like `'2026-05-01T09:00:00Z'`, or declare it as `time` where it comes from",
    "money": "write an amount like `'49.00 EUR'`, or declare it as `money` where it comes from",
    "number": "declare it as `number` where it comes from",
    "integer": "declare it as `integer` where it comes from",
    "choice": "use a step with an `if` for each of the words",
}


def _hint_on_parts(source: Type, target: Type) -> str:
    if source.kind == "list":
        return "choose an entry, like `…[0]`, or a field of each: `….map(x, x.name)`"
    fields = [name for name, _ in _fields(source)]
    return f"it has {_listed(fields)}" if fields else f"declare it as `{target}` where it comes from"


def _fields(type_: Type) -> Iterator[tuple[str, Type]]:
    yield from ((field.name, of_field(field)) for field in fields_of(type_))


def _listed(paths: list[str]) -> str:
    return ", ".join(f"`{path}`" for path in paths[:_MAX])


def _alternatives(scope: TypeScope, target: Type, written: str) -> list[str]:
    """Paths that can be read here and are of that type, the most alike first."""
    if target.kind in _OPEN:
        return []
    paths = [
        path for path, type_ in _readable(scope) if type_.kind == target.kind and assignable(type_, target)
    ]
    best = nearest(written, paths)
    return [best, *(path for path in paths if path != best)] if best else paths


def _readable(scope: TypeScope) -> Iterator[tuple[str, Type]]:
    """Every path to a value, with the fields of records."""
    roots = [("event", scope.event), ("inputs", scope.inputs), ("item", scope.item)]
    roots += [
        (f"steps.{id_}.outputs", step.outputs)
        for id_, step in sorted(scope.steps.items(), key=lambda pair: -pair[1].order)
        if step.order < scope.here and not scope.now_only
    ]
    for root, type_ in roots:
        for name, inner in _fields(type_) if type_ is not None else ():
            yield f"{root}.{name}", inner
            yield from ((f"{root}.{name}.{deep}", deep_type) for deep, deep_type in _fields(inner))
