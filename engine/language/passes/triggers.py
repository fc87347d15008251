"""What is listened for: the entries of `on:`, of `stop-on` and of a `wait/for`, checked against the kinds of triggers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

from engine.language.diagnostics.codes import references
from engine.language.diagnostics.codes import triggers as code
from engine.language.documents.playbook_fields import describe
from engine.language.passes import webhook_fields
from engine.language.passes.resolved import World
from engine.language.passes.values import Built, ValueBuilder
from engine.language.text import nodes
from engine.language.text.scalars import is_zone
from engine.language.text.suggest import corrections
from engine.language.types.assignability import unify
from engine.language.types.type_syntax import nullable, place
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.plan import Fixed, WaitFor
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.triggers import TRIGGERS, TriggerSpec
from engine.model.definitions.types import ANY, TEXT, Field, Type
from engine.model.values.canonical_json import Json

_SECRET = re.compile(r"\$\{\{\s*secrets\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
_PATH = re.compile(r"(?!/)(?!.*//)[^\\\x00-\x1f]{1,500}")
_ADDRESS = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
MAX_CRON = 200
_MATCH_HINT = 'write it like `match: { id: "${{ event.id }}" }`'
_UNKNOWN = Type(kind="map", items=TEXT)
"""The event of a type that no connector declares: every field that is read is text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerType:
    """A trigger that is listened for: what its event holds, and who wrote it."""

    event: Type
    label: Label


def union_event_type(heard: Sequence[TriggerType]) -> Type | None:
    """The type of `event` when any of these may have come. A field that not all of them have may be missing."""
    types = [trigger_type.event for trigger_type in heard]
    if not types or all(event_type == types[0] for event_type in types):
        return types[0] if types else None
    fields = []
    for name in dict.fromkeys(field.name for event_type in types for field in event_type.fields):
        known = [field for event_type in types if (field := event_type.field(name)) is not None]
        type_: Type | None = known[0].type
        for field in known[1:]:
            type_ = None if type_ is None else unify(type_, field.type)
        missing = len(known) < len(types) or any(field.optional for field in known)
        fields.append(replace(known[0], type=type_ or ANY, optional=missing))
    open_ = [event_type.items for event_type in types if event_type.items is not None]
    items = None if not open_ else open_[0] if len(open_) == len(types) else nullable(open_[0])
    return Type(kind="map", fields=tuple(fields), items=items)


def labels(heard: Sequence[TriggerType]) -> Labels:
    """Where the fields of `event` come from."""
    return frozenset(trigger_type.label for trigger_type in heard)


def trigger_type_of(world: World, kind: str, type_: str) -> TriggerType:
    """What an event of this kind (and, for `event`, of this type) holds."""
    spec = TRIGGERS[kind]
    if kind != "event":
        return TriggerType(event=spec.event, label=spec.label)
    declared = world.events.get(type_)
    event, label = (declared.event, declared.label) if declared else (_UNKNOWN, spec.label)
    if declared is None and _siblings(world, type_):
        # Its name is misspelt and reported; its fields are unknown.
        event = replace(event, items=ANY)
    known = {field.name for field in event.fields}
    shared = tuple(field for field in spec.event.fields if field.name not in known)
    return TriggerType(event=replace(event, fields=(*shared, *event.fields)), label=label)


def _siblings(world: World, type_: str) -> list[str]:
    """The types of event that the connector of this type declares."""
    connector, slash, _ = type_.partition("/")
    return [name for name in world.events if name.startswith(f"{connector}/")] if slash else []


# ---------------------------------------------------------------- `on:`


def params(
    world: World, values: ValueBuilder, spec: TriggerSpec, at: Span, body: nodes.Mapping | None
) -> tuple[tuple[str, Json], ...]:
    """The fixed parameters of an entry of `on:`."""
    fields = {param.name: param for param in spec.params}
    entries = {entry.key: entry for entry in body.entries} if body else {}
    fixed_params: list[tuple[str, Json]] = []
    for entry in entries.values():
        field = fields.get(entry.key)
        if field is None:
            free = [name for name in fields if name not in entries]
            values.note(code.unknown_param(entry.key_span, name=entry.key, trigger=spec.name, known=free))
        elif entry.key == "fields":
            pass  # types, not values: they are part of the event's own type
        elif entry.key == "secret":
            fixed_params += _secret(values, entry.value, entries)
        elif (built := _fixed(world, values, spec, field, entries)) is not None:
            fixed_params.append((entry.key, built))
            _check_param(world, values, spec, entry.key, built, entry.value)
    misspelt = corrections(entries.keys() - fields.keys(), fields.keys() - entries.keys())
    for param in spec.params:
        if param.name not in entries.keys() | misspelt and not param.optional:
            values.note(code.missing_param(at, name=param.name, trigger=spec.name))
    return tuple(sorted(fixed_params))


def _fixed(
    world: World, values: ValueBuilder, spec: TriggerSpec, field: Field, entries: Mapping[str, nodes.Entry]
) -> Json:
    node = entries[field.name].value
    if expression := _expression(node):
        values.note(references.must_be_fixed(place(expression), word=f"`{field.name}`"))
        return None
    type_ = _matched(world, "event", entries) if (spec.name, field.name) == ("event", "match") else field.type
    built = values.value(node, type_, name=field.name)
    return built.arg.value if built is not None and isinstance(built.arg, Fixed) else None


def _expression(node: nodes.Node) -> nodes.Node | None:
    """The first expression in a value that has to be fixed."""
    match node:
        case nodes.Scalar():
            return node if "${{" in node.text else None
        case nodes.Sequence():
            return next((expression for element in node.items if (expression := _expression(element))), None)
        case nodes.Mapping():
            return next(
                (expression for entry in node.entries if (expression := _expression(entry.value))), None
            )


def _matched(world: World, kind: str, entries: Mapping[str, nodes.Entry], called: Type | None = None) -> Type:
    """The type of `match`: the event's own fields, each of which may be left out."""
    node = entries["type"].value if "type" in entries else None
    event = called or trigger_type_of(world, kind, node.text if isinstance(node, nodes.Scalar) else "").event
    named = {"type", "path", "at"} if kind == "webhook" else {"type", "at"}
    fields = tuple(replace(field, optional=True) for field in event.fields if field.name not in named)
    return replace(event, fields=fields)


def _secret(
    values: ValueBuilder, node: nodes.Node, entries: Mapping[str, nodes.Entry]
) -> list[tuple[str, Json]]:
    """Only the secret's name: its value is for the broker alone."""
    match = _SECRET.fullmatch(node.text.strip()) if isinstance(node, nodes.Scalar) else None
    if match is None:
        # The text there may be the secret itself: it is neither repeated nor shown.
        path = entries["path"].value if "path" in entries else None
        words = re.sub(r"[^A-Z0-9]+", "_", path.text.upper()) if isinstance(path, nodes.Scalar) else ""
        name = f"{words}_SECRET".strip("_") if words[:1].isalpha() else "HOOK_SECRET"
        values.note(code.bare_hook(place(node), name=name, expression=_expression(node) is not None))
        return []
    return [("secret", match[1])]


def _check_param(
    world: World, values: ValueBuilder, spec: TriggerSpec, name: str, value: Json, node: nodes.Node
) -> None:
    """Checks a parameter beyond its type."""
    span = place(node)
    text = str(value)
    match spec.name, name:
        case "schedule", "cron":
            if problem := _cron(text):
                values.note(code.bad_cron(span, value=text, problem=problem))
        case "schedule", "time-zone":
            if not is_zone(text):
                expected, example = "a time zone", "Europe/Warsaw"
                values.note(
                    code.bad_param(span, value=f"`{text}`", expected=expected, example=_zone(text) or example)
                )
        case "file", "path":
            if _PATH.fullmatch(text) is None or ".." in text.split("/"):
                expected, example = "a path below the workspace", "vault/inbox/receipts/*.pdf"
                values.note(code.bad_param(span, value=f"`{text}`", expected=expected, example=example))
        case "webhook", "path":
            if _ADDRESS.fullmatch(text) is None:
                expected = "small letters, digits, hyphens and slashes"
                values.note(code.bad_param(span, value=f"`{text}`", expected=expected, example="orders/new"))
        case "intent", "name":
            if text not in world.intents:
                values.note(code.unknown_intent(span, name=text, known=tuple(world.intents)))
        case "event", "type":
            _event_type(world, values, text, span)
        case "intent", "at-least" if not isinstance(value, int | float) or not 0 <= value <= 1:
            values.note(
                code.bad_param(span, value=f"`{text}`", expected="a number from 0 to 1", example="0.9")
            )


def _zone(text: str) -> str:
    """The zone meant by the name of a city; empty where there is none."""
    last = text.rsplit("/", 1)[-1].replace(" ", "_").lower()
    return min(
        (zone for zone in available_timezones() if zone.rsplit("/", 1)[-1].lower() == last), default=""
    )


def _event_type(world: World, values: ValueBuilder, text: str, span: Span) -> None:
    """A connector that declares its events has no undeclared ones."""
    same = _siblings(world, text)
    if "/" not in text:
        values.note(
            code.bad_param(span, value=f"`{text}`", expected="connector/event", example="stripe/invoice.paid")
        )
    elif same and text not in same:
        values.note(code.unknown_event(span, name=text, known=same))


def _cron(text: str) -> str:
    """What is wrong with a cron expression, or empty."""
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    parts = text.split()
    if len(text) > MAX_CRON:
        return f"it has {len(text)} characters; {MAX_CRON} are read"
    if len(parts) != 5:
        return f"it has {len(parts)} fields; minute, hour, day, month and weekday are five"
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return f"its {str(error).removeprefix('Bad ')} can't be read"
    except StopIteration:
        return "there is no such day"
    return ""


# ---------------------------------------------------------------- `wait/for` and `stop-on`


def awaited(
    world: World, values: ValueBuilder, name: str, entry: nodes.Entry
) -> tuple[WaitFor, TriggerType, list[Built]] | None:
    """A trigger a run waits for: its kind, and everything that tells its event from others."""
    spec = TRIGGERS.get(entry.key)
    if spec is None:
        known = [kind for kind, trigger_spec in TRIGGERS.items() if trigger_spec.matches]
        values.note(code.unknown_trigger(entry.key_span, name=entry.key, known=known))
        return None
    fields = {field.name: field for field in spec.matches}
    body = entry.value if isinstance(entry.value, nodes.Mapping) else None
    telling = "match" if entry.key == "event" else next(iter(fields), "")
    if body is None or (telling not in {child.key for child in body.entries} and not _misspelt(body, fields)):
        values.note(code.not_awaited(entry.key_span, name=entry.key, known=[telling] if telling else []))
        return None
    entries = {child.key: child for child in body.entries}
    if (ambiguous := _ambiguous_wait(values, entry, entries, fields)) is not None:
        values.note(ambiguous)
        return None
    match: list[tuple[str, Built]] = []
    called = (
        webhook_fields.declared(values, entries["fields"].value)
        if "fields" in entries.keys() & fields.keys()
        else None
    )
    for child in body.entries:
        if child.key not in fields:
            values.note(code.unknown_param(child.key_span, name=child.key, trigger=entry.key, known=fields))
        elif child.key == "match":
            match += _pairs(values, child.value, _matched(world, entry.key, entries, called))
        elif child.key == "fields":
            pass
        elif (built := values.value(child.value, fields[child.key].type, name=child.key)) is not None:
            match.append((child.key, built))
            if isinstance(built.arg, Fixed):
                _check_param(world, values, spec, child.key, built.arg.value, child.value)
    type_ = next(
        (str(built.arg.value) for key, built in match if key == "type" and isinstance(built.arg, Fixed)), ""
    )
    wait = WaitFor(
        name=name,
        trigger=spec.name,
        match=tuple((key, built.arg) for key, built in sorted(match, key=lambda pair: pair[0])),
    )
    event = trigger_type_of(world, entry.key, type_)
    return wait, event if called is None else replace(event, event=called), [built for _, built in match]


def _ambiguous_wait(
    values: ValueBuilder, entry: nodes.Entry, entries: Mapping[str, nodes.Entry], fields: Mapping[str, Field]
) -> Diagnostic | None:
    """The diagnostic of a wait that would take any call, because `match` is missing or empty."""
    match = entries["match"].value if "match" in entries else None
    empty = isinstance(match, nodes.Mapping) and not match.entries
    if entry.key == "event" and empty:
        return code.not_awaited(entries["match"].key_span, name="event", known=["match"])
    body = entry.value
    if entry.key != "webhook" or not (match is None or empty) or not isinstance(body, nodes.Mapping):
        return None
    if "match" in _misspelt(body, fields):
        return None
    path = entries["path"].value if "path" in entries else None
    address = path.text if isinstance(path, nodes.Scalar) else ""
    event, inputs = values.scope.event, values.scope.inputs.fields
    known = event is not None and event.field("id") is not None
    source = "event.id" if known else next((f"inputs.{field.name}" for field in inputs), "…")
    return code.takes_any_call(entry.key_span, path=address, example=f'id: "${{{{ {source} }}}}"')


def _misspelt(body: nodes.Mapping, fields: Mapping[str, Field]) -> set[str]:
    keys = {entry.key for entry in body.entries}
    return corrections(keys - fields.keys(), fields.keys() - keys)


def _pairs(
    values: ValueBuilder, node: nodes.Node, type_: Type, *, of: str = "event"
) -> list[tuple[str, Built]]:
    """The entries of `match`, one by one; nested ones by their path, `data.id`."""
    if not isinstance(node, nodes.Mapping):
        values.note(
            references.wrong_type(place(node), expected="a map", actual=describe(node), hint=_MATCH_HINT)
        )
        return []
    pairs = []
    for entry in node.entries:
        field = type_.field(entry.key)
        if field is None:
            known = [known_field.name for known_field in type_.fields]
            values.note(references.unknown_field(entry.key_span, name=entry.key, of=of, known=known))
        elif field.type.kind == "map" and isinstance(entry.value, nodes.Mapping):
            inner = Type(
                kind="map",
                fields=tuple(replace(inner_field, optional=True) for inner_field in field.type.fields),
            )
            deeper = _pairs(values, entry.value, inner, of=f"{of}.{entry.key}")
            pairs += [(f"{entry.key}.{path}", built) for path, built in deeper]
        elif (built := values.value(entry.value, field.type, name=entry.key)) is not None:
            pairs.append((entry.key, built))
    return pairs
