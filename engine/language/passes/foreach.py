"""The keys that say for what a step is done, and what must have come of it: `foreach`, `key`, `once`, `subject`, `expect`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.language.diagnostics.codes import graph, references
from engine.language.documents.ast import AuthoredStep
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import Built, ValueBuilder, words
from engine.language.text import nodes
from engine.language.types.assignability import of_field, unify
from engine.language.types.type_syntax import certain, nullable
from engine.model.definitions.actions import Sink
from engine.model.definitions.diagnostics import Diagnostic, Fix
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Text
from engine.model.definitions.types import ANY, BOOL, INTEGER, NUMBER, TEXT, Field, Type, choice, listing
from engine.model.values.canonical_json import Json

_GIVEN = ("key", "item")
"""What every output of a `foreach` carries beside the step's own."""
_ACTS = frozenset({"effect", "playbook"})


def opened(values: ValueBuilder, step: AuthoredStep) -> tuple[Built | None, ValueBuilder]:
    """A step's `foreach`, and a builder of values that may read `item`. Items are never null: nulls are left out."""
    if step.foreach is None:
        return None, values
    built = values.value(step.foreach, listing(ANY), name="foreach")
    found = type_of(built.arg) if built is not None else ANY
    item = certain(found.items or ANY) if found.kind == "list" else ANY
    return built, ValueBuilder(values.source, replace(values.scope, item=item))


@dataclass(frozen=True, slots=True, kw_only=True)
class TextKeys:
    """The keys of a step that are one text."""

    foreach: Built | None
    key: Built | None
    once: Built | None
    subject: Built | None


_NOTHING = TextKeys(foreach=None, key=None, once=None, subject=None)


def read_foreach(values: ValueBuilder, step: AuthoredStep, foreach: Built | None) -> TextKeys:
    """`key`, `once` and `subject`, which may read `item`."""
    if foreach is None and step.item_key is None and step.once is None and step.subject is None:
        return _NOTHING
    return TextKeys(
        foreach=foreach,
        key=words(values, step.item_key, name="key"),
        once=words(values, step.once, name="once"),
        subject=words(values, step.subject, name="subject"),
    )


def recipient(one: ResolvedStep) -> Built | None:
    """Whom an item is about where neither step nor file says it: the field of the item that the step is sent to."""
    for name, built in one.args:
        param = one.spec.param(name) if one.spec is not None else None
        if param is None or param.sink is not Sink.RECIPIENT or not isinstance(built.arg, Expr):
            continue
        paths = [read.path for read in built.reads]
        whole = paths == [built.arg.written.strip()] and paths[0].partition(".")[0] == "item"
        if whole and built.arg.type.kind == "email" and not built.arg.type.nullable:
            return built
    return None


def finish(
    values: ValueBuilder, step: AuthoredStep, one: ResolvedStep, keys: TextKeys, *, about: bool
) -> ResolvedStep:
    """The step with these keys and its `expect`; the outputs of a `foreach` are a list. `about`: the file says whom it is about."""
    reads_back = step.expect is not None and one.kind in {"call", "effect"}
    expected = _expected(values, step.expect, one) if step.expect is not None and reads_back else ()
    if not expected and step.foreach is None and keys == _NOTHING:
        return one
    found = replace(
        one,
        foreach=keys.foreach,
        key=keys.key,
        once=keys.once,
        subject=keys.subject or (None if about or step.foreach is None else recipient(one)),
        expect=expected,
    )
    if step.foreach is None:
        return found
    item = values.scope.item or ANY
    if one.outputs.kind == "any":
        return replace(found, outputs=listing(ANY))
    kept = tuple(field for field in one.outputs.fields if field.name not in _GIVEN)
    given = (Field(name="key", type=TEXT), Field(name="item", type=item))
    return replace(found, outputs=listing(Type(kind="map", fields=(*kept, *given))))


def _expected(values: ValueBuilder, node: nodes.Mapping, one: ResolvedStep) -> tuple[tuple[str, Built], ...]:
    found = []
    for entry in node.entries:
        field = one.outputs.field(entry.key)
        if field is None:
            known = [each.name for each in one.outputs.fields]
            of = f"steps.{one.step.id.text}.outputs"
            values.note(references.unknown_field(entry.key_span, name=entry.key, of=of, known=known))
            continue
        built = values.value(entry.value, nullable(of_field(field)), name=entry.key)
        if built is not None:
            found.append((entry.key, built))
    return tuple(sorted(found, key=lambda pair: pair[0]))


def check(steps: Sequence[ResolvedStep]) -> list[Diagnostic]:
    """A `foreach` that acts names its items by a `key`: by their number, a list in another order would act again."""
    found = []
    for one in steps:
        step = one.step
        if step.foreach is not None and step.item_key is None and one.kind in _ACTS:
            found.append(graph.no_item_key(step.key("foreach"), step=step.id.text, fix=_key_fix(one)))
    return found


def _key_fix(one: ResolvedStep) -> Fix | None:
    row = one.outputs.items
    item = row.field("item") if row is not None else None
    if item is None or one.step.room is None:
        return None
    path = ""
    if item.type.kind in {"text", "email", "url"}:
        path = "item"
    for name in ("key", "id"):
        field = item.type.field(name) if item.type.kind == "map" else None
        if field is not None and field.type.kind == "text" and not of_field(field).nullable:
            path = f"item.{name}"
    return Fix(span=one.step.room.span, text=one.step.room.key(f'key: "${{{{ {path} }}}}"')) if path else None


# ---------------------------------------------------------------- what a built value is


def type_of(arg: Arg) -> Type:
    """The type of a value that was built where anything may stand."""
    match arg:
        case Expr():
            return arg.type
        case Text():
            return TEXT
        case Fixed():
            return _fixed(arg.value)
        case ListArg():
            return listing(_shared([type_of(one) for one in arg.items]))
        case MapArg():
            fields = tuple(Field(name=name, type=type_of(one)) for name, one in arg.entries)
            return Type(kind="map", fields=fields)


def _fixed(value: Json) -> Type:
    match value:
        case bool():
            return BOOL
        case int():
            return INTEGER
        case float():
            return NUMBER
        case str():
            return TEXT
        case list():
            words = dict.fromkeys(one for one in value if isinstance(one, str) and one)
            if words and all(one is None or (isinstance(one, str) and one in words) for one in value):
                # Words that are written down are a closed set: an item of it fits a `one of` input.
                return listing(choice(*words))
            return listing(_shared([_fixed(one) for one in value if one is not None]))
        case dict():
            fields = tuple(Field(name=name, type=_fixed(one)) for name, one in value.items())
            return Type(kind="map", fields=fields)
        case _:
            return ANY


def _shared(types: Sequence[Type]) -> Type:
    found: Type | None = types[0] if types else ANY
    for one in types[1:]:
        found = None if found is None else unify(found, one)
    return found or ANY
