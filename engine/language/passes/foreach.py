"""The keys for what a step is done for, and for what it must have given: `foreach`, `key`, `once`, `subject`, `expect`."""

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

_ITEM_FIELDS = ("key", "item")
"""The fields that every output of a `foreach` has beside the step's own."""
_ACTS = frozenset({"effect", "playbook"})


def open_foreach(values: ValueBuilder, step: AuthoredStep) -> tuple[Built | None, ValueBuilder]:
    """A step's `foreach`, and a builder of values that may read `item`. Items are never null: nulls are left out."""
    if step.foreach is None:
        return None, values
    built = values.value(step.foreach, listing(ANY), name="foreach")
    list_type = type_of(built.arg) if built is not None else ANY
    item_type = certain(list_type.items or ANY) if list_type.kind == "list" else ANY
    return built, ValueBuilder(values.source, replace(values.scope, item=item_type))


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


def recipient(resolved: ResolvedStep) -> Built | None:
    """The person an item is about where neither step nor file says so: the field of the item that the step is sent to."""
    for name, built in resolved.args:
        param = resolved.spec.param(name) if resolved.spec is not None else None
        if param is None or param.sink is not Sink.RECIPIENT or not isinstance(built.arg, Expr):
            continue
        paths = [read.path for read in built.reads]
        whole = paths == [built.arg.written.strip()] and paths[0].partition(".")[0] == "item"
        if whole and built.arg.type.kind == "email" and not built.arg.type.nullable:
            return built
    return None


def with_foreach(
    values: ValueBuilder, step: AuthoredStep, resolved: ResolvedStep, keys: TextKeys, *, about: bool
) -> ResolvedStep:
    """The step with these keys and its `expect`; the outputs of a `foreach` are a list. `about`: the file has a `subject`."""
    reads_back = step.expect is not None and resolved.kind in {"call", "effect"}
    expected = _expectations(values, step.expect, resolved) if step.expect is not None and reads_back else ()
    if not expected and step.foreach is None and keys == _NOTHING:
        return resolved
    completed = replace(
        resolved,
        foreach=keys.foreach,
        key=keys.key,
        once=keys.once,
        subject=keys.subject or (None if about or step.foreach is None else recipient(resolved)),
        expect=expected,
    )
    if step.foreach is None:
        return completed
    item_type = values.scope.item or ANY
    if resolved.outputs.kind == "any":
        return replace(completed, outputs=listing(ANY))
    own_fields = tuple(field for field in resolved.outputs.fields if field.name not in _ITEM_FIELDS)
    added_fields = (Field(name="key", type=TEXT), Field(name="item", type=item_type))
    return replace(completed, outputs=listing(Type(kind="map", fields=(*own_fields, *added_fields))))


def _expectations(
    values: ValueBuilder, node: nodes.Mapping, resolved: ResolvedStep
) -> tuple[tuple[str, Built], ...]:
    expectations = []
    for entry in node.entries:
        field = resolved.outputs.field(entry.key)
        if field is None:
            known = [field.name for field in resolved.outputs.fields]
            of = f"steps.{resolved.step.id.text}.outputs"
            values.note(references.unknown_field(entry.key_span, name=entry.key, of=of, known=known))
            continue
        built = values.value(entry.value, nullable(of_field(field)), name=entry.key)
        if built is not None:
            expectations.append((entry.key, built))
    return tuple(sorted(expectations, key=lambda pair: pair[0]))


def check_item_keys(steps: Sequence[ResolvedStep]) -> list[Diagnostic]:
    """A `foreach` that acts names its items by a `key`: numbered items would act again when the list changes its order."""
    diagnostics = []
    for resolved in steps:
        step = resolved.step
        if step.foreach is not None and step.item_key is None and resolved.kind in _ACTS:
            diagnostics.append(
                graph.no_item_key(step.key("foreach"), step=step.id.text, fix=_key_fix(resolved))
            )
    return diagnostics


def _key_fix(resolved: ResolvedStep) -> Fix | None:
    row = resolved.outputs.items
    item_field = row.field("item") if row is not None else None
    if item_field is None or resolved.step.room is None:
        return None
    path = ""
    if item_field.type.kind in {"text", "email", "url"}:
        path = "item"
    for name in ("key", "id"):
        field = item_field.type.field(name) if item_field.type.kind == "map" else None
        if field is not None and field.type.kind == "text" and not of_field(field).nullable:
            path = f"item.{name}"
    return (
        Fix(span=resolved.step.room.span, text=resolved.step.room.key(f'key: "${{{{ {path} }}}}"'))
        if path
        else None
    )


# ---------------------------------------------------------------- types of built values


def type_of(arg: Arg) -> Type:
    """The type of a value that was built where any type is accepted."""
    match arg:
        case Expr():
            return arg.type
        case Text():
            return TEXT
        case Fixed():
            return _fixed(arg.value)
        case ListArg():
            return listing(_shared([type_of(element) for element in arg.items]))
        case MapArg():
            fields = tuple(Field(name=name, type=type_of(value)) for name, value in arg.entries)
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
            words = dict.fromkeys(word for word in value if isinstance(word, str) and word)
            if words and all(
                element is None or (isinstance(element, str) and element in words) for element in value
            ):
                # Literal words are a closed set: an item of it fits a `one of` input.
                return listing(choice(*words))
            return listing(_shared([_fixed(element) for element in value if element is not None]))
        case dict():
            fields = tuple(Field(name=name, type=_fixed(field_value)) for name, field_value in value.items())
            return Type(kind="map", fields=fields)
        case _:
            return ANY


def _shared(types: Sequence[Type]) -> Type:
    shared: Type | None = types[0] if types else ANY
    for type_ in types[1:]:
        shared = None if shared is None else unify(shared, type_)
    return shared or ANY
