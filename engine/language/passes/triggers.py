"""What is listened for: the entries of `on:`, of `stop-on` and of a `wait/for`, against the kinds of triggers there are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

from engine.language.diagnostics.codes import references
from engine.language.diagnostics.codes import triggers as code
from engine.language.documents.playbook_fields import what
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
_MATCH = 'write it like `match: { id: "${{ event.id }}" }`'
_UNKNOWN = Type(kind="map", items=TEXT)
"""The event of a type that no connector declares: whatever field is read is text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerType:
    """One thing that is listened for: what its event holds, and who wrote it."""

    event: Type
    label: Label


def union_event_type(heard: Sequence[TriggerType]) -> Type | None:
    """The type of `event` when any of these may have come. A field that not all of them have may be missing."""
    types = [one.event for one in heard]
    if not types or all(one == types[0] for one in types):
        return types[0] if types else None
    fields = []
    for name in dict.fromkeys(field.name for one in types for field in one.fields):
        known = [field for one in types if (field := one.field(name)) is not None]
        type_: Type | None = known[0].type
        for field in known[1:]:
            type_ = None if type_ is None else unify(type_, field.type)
        missing = len(known) < len(types) or any(field.optional for field in known)
        fields.append(replace(known[0], type=type_ or ANY, optional=missing))
    open_ = [one.items for one in types if one.items is not None]
    items = None if not open_ else open_[0] if len(open_) == len(types) else nullable(open_[0])
    return Type(kind="map", fields=tuple(fields), items=items)


def labels(heard: Sequence[TriggerType]) -> Labels:
    """Where the fields of `event` come from."""
    return frozenset(one.label for one in heard)


def heard(world: World, kind: str, type_: str) -> TriggerType:
    """What an event of this kind (and, for `event`, of this type) holds."""
    spec = TRIGGERS[kind]
    if kind != "event":
        return TriggerType(event=spec.event, label=spec.label)
    declared = world.events.get(type_)
    event, label = (declared.event, declared.label) if declared else (_UNKNOWN, spec.label)
    if declared is None and _siblings(world, type_):
        # Its name is misspelt, and that is said: what its fields are is not known.
        event = replace(event, items=ANY)
    known = {one.name for one in event.fields}
    shared = tuple(one for one in spec.event.fields if one.name not in known)
    return TriggerType(event=replace(event, fields=(*shared, *event.fields)), label=label)


def _siblings(world: World, type_: str) -> list[str]:
    """The types of event that this one's connector declares."""
    connector, slash, _ = type_.partition("/")
    return [one for one in world.events if one.startswith(f"{connector}/")] if slash else []


# ---------------------------------------------------------------- `on:`


def params(
    world: World, values: ValueBuilder, spec: TriggerSpec, at: Span, body: nodes.Mapping | None
) -> tuple[tuple[str, Json], ...]:
    """The fixed parameters of an entry of `on:`."""
    fields = {one.name: one for one in spec.params}
    given = {entry.key: entry for entry in body.entries} if body else {}
    found: list[tuple[str, Json]] = []
    for entry in given.values():
        field = fields.get(entry.key)
        if field is None:
            free = [one for one in fields if one not in given]
            values.note(code.unknown_param(entry.key_span, name=entry.key, trigger=spec.name, known=free))
        elif entry.key == "fields":
            pass  # types, not values: they are part of the event's own type
        elif entry.key == "secret":
            found += _secret(values, entry.value, given)
        elif (built := _fixed(world, values, spec, field, given)) is not None:
            found.append((entry.key, built))
            _sound(world, values, spec, entry.key, built, entry.value)
    misspelt = corrections(given.keys() - fields.keys(), fields.keys() - given.keys())
    for one in spec.params:
        if one.name not in given.keys() | misspelt and not one.optional:
            values.note(code.missing_param(at, name=one.name, trigger=spec.name))
    return tuple(sorted(found))


def _fixed(
    world: World, values: ValueBuilder, spec: TriggerSpec, field: Field, given: Mapping[str, nodes.Entry]
) -> Json:
    node = given[field.name].value
    if expression := _expression(node):
        values.note(references.must_be_fixed(place(expression), word=f"`{field.name}`"))
        return None
    type_ = _matched(world, "event", given) if (spec.name, field.name) == ("event", "match") else field.type
    built = values.value(node, type_, name=field.name)
    return built.arg.value if built is not None and isinstance(built.arg, Fixed) else None


def _expression(node: nodes.Node) -> nodes.Node | None:
    """The first expression in a value that has to be fixed."""
    match node:
        case nodes.Scalar():
            return node if "${{" in node.text else None
        case nodes.Sequence():
            return next((one for item in node.items if (one := _expression(item))), None)
        case nodes.Mapping():
            return next((one for entry in node.entries if (one := _expression(entry.value))), None)


def _matched(world: World, kind: str, given: Mapping[str, nodes.Entry], called: Type | None = None) -> Type:
    """The type of `match`: the event's own fields, each of which may be left out."""
    node = given["type"].value if "type" in given else None
    event = called or heard(world, kind, node.text if isinstance(node, nodes.Scalar) else "").event
    named = {"type", "path", "at"} if kind == "webhook" else {"type", "at"}
    fields = tuple(replace(one, optional=True) for one in event.fields if one.name not in named)
    return replace(event, fields=fields)


def _secret(
    values: ValueBuilder, node: nodes.Node, given: Mapping[str, nodes.Entry]
) -> list[tuple[str, Json]]:
    """Only the secret's name: its value is for the broker alone."""
    match = _SECRET.fullmatch(node.text.strip()) if isinstance(node, nodes.Scalar) else None
    if match is None:
        # What stands there may be the secret itself: it is neither repeated nor shown.
        path = given["path"].value if "path" in given else None
        words = re.sub(r"[^A-Z0-9]+", "_", path.text.upper()) if isinstance(path, nodes.Scalar) else ""
        name = f"{words}_SECRET".strip("_") if words[:1].isalpha() else "HOOK_SECRET"
        values.note(code.bare_hook(place(node), name=name, expression=_expression(node) is not None))
        return []
    return [("secret", match[1])]


def _sound(
    world: World, values: ValueBuilder, spec: TriggerSpec, name: str, value: Json, node: nodes.Node
) -> None:
    """What the type alone doesn't say of a parameter."""
    span = place(node)
    text = str(value)
    match spec.name, name:
        case "schedule", "cron":
            if problem := _cron(text):
                values.note(code.bad_cron(span, value=text, problem=problem))
        case "schedule", "time-zone":
            if not is_zone(text):
                wanted, example = "a time zone", "Europe/Warsaw"
                values.note(
                    code.bad_param(span, value=f"`{text}`", expected=wanted, example=_zone(text) or example)
                )
        case "file", "path":
            if _PATH.fullmatch(text) is None or ".." in text.split("/"):
                wanted, example = "a path below the workspace", "vault/inbox/receipts/*.pdf"
                values.note(code.bad_param(span, value=f"`{text}`", expected=wanted, example=example))
        case "webhook", "path":
            if _ADDRESS.fullmatch(text) is None:
                wanted = "small letters, digits, hyphens and slashes"
                values.note(code.bad_param(span, value=f"`{text}`", expected=wanted, example="orders/new"))
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
    """The zone that was meant by the name of a city; empty where none was."""
    last = text.rsplit("/", 1)[-1].replace(" ", "_").lower()
    return min(
        (zone for zone in available_timezones() if zone.rsplit("/", 1)[-1].lower() == last), default=""
    )


def _event_type(world: World, values: ValueBuilder, text: str, span: Span) -> None:
    """A connector that declares its events has no others."""
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
    """One thing a run waits for: its kind, and everything that tells this one from others."""
    spec = TRIGGERS.get(entry.key)
    if spec is None:
        known = [one for one, it in TRIGGERS.items() if it.matches]
        values.note(code.unknown_trigger(entry.key_span, name=entry.key, known=known))
        return None
    fields = {one.name: one for one in spec.matches}
    body = entry.value if isinstance(entry.value, nodes.Mapping) else None
    telling = "match" if entry.key == "event" else next(iter(fields), "")
    if body is None or (telling not in {one.key for one in body.entries} and not _misspelt(body, fields)):
        values.note(code.not_awaited(entry.key_span, name=entry.key, known=[telling] if telling else []))
        return None
    given = {one.key: one for one in body.entries}
    if (untold := _takes_any(values, entry, given, fields)) is not None:
        values.note(untold)
        return None
    match: list[tuple[str, Built]] = []
    called = (
        webhook_fields.declared(values, given["fields"].value)
        if "fields" in given.keys() & fields.keys()
        else None
    )
    for one in body.entries:
        if one.key not in fields:
            values.note(code.unknown_param(one.key_span, name=one.key, trigger=entry.key, known=fields))
        elif one.key == "match":
            match += _pairs(values, one.value, _matched(world, entry.key, given, called))
        elif one.key == "fields":
            pass
        elif (built := values.value(one.value, fields[one.key].type, name=one.key)) is not None:
            match.append((one.key, built))
            if isinstance(built.arg, Fixed):
                _sound(world, values, spec, one.key, built.arg.value, one.value)
    type_ = next(
        (str(one.arg.value) for key, one in match if key == "type" and isinstance(one.arg, Fixed)), ""
    )
    wait = WaitFor(
        name=name,
        trigger=spec.name,
        match=tuple((key, built.arg) for key, built in sorted(match, key=lambda pair: pair[0])),
    )
    event = heard(world, entry.key, type_)
    return wait, event if called is None else replace(event, event=called), [built for _, built in match]


def _takes_any(
    values: ValueBuilder, entry: nodes.Entry, given: Mapping[str, nodes.Entry], fields: Mapping[str, Field]
) -> Diagnostic | None:
    """The diagnostic of a wait that no field of what comes tells from others: `match` left out, or empty."""
    match = given["match"].value if "match" in given else None
    empty = isinstance(match, nodes.Mapping) and not match.entries
    if entry.key == "event" and empty:
        return code.not_awaited(given["match"].key_span, name="event", known=["match"])
    body = entry.value
    if entry.key != "webhook" or not (match is None or empty) or not isinstance(body, nodes.Mapping):
        return None
    if "match" in _misspelt(body, fields):
        return None
    path = given["path"].value if "path" in given else None
    address = path.text if isinstance(path, nodes.Scalar) else ""
    event, inputs = values.scope.event, values.scope.inputs.fields
    known = event is not None and event.field("id") is not None
    source = "event.id" if known else next((f"inputs.{one.name}" for one in inputs), "…")
    return code.takes_any_call(entry.key_span, path=address, example=f'id: "${{{{ {source} }}}}"')


def _misspelt(body: nodes.Mapping, fields: Mapping[str, Field]) -> set[str]:
    given = {one.key for one in body.entries}
    return corrections(given - fields.keys(), fields.keys() - given)


def _pairs(
    values: ValueBuilder, node: nodes.Node, type_: Type, *, of: str = "event"
) -> list[tuple[str, Built]]:
    """The entries of `match`, one by one; what lies deeper by its path, `data.id`."""
    if not isinstance(node, nodes.Mapping):
        values.note(references.wrong_type(place(node), expected="a map", actual=what(node), hint=_MATCH))
        return []
    found = []
    for entry in node.entries:
        field = type_.field(entry.key)
        if field is None:
            known = [one.name for one in type_.fields]
            values.note(references.unknown_field(entry.key_span, name=entry.key, of=of, known=known))
        elif field.type.kind == "map" and isinstance(entry.value, nodes.Mapping):
            inner = Type(kind="map", fields=tuple(replace(one, optional=True) for one in field.type.fields))
            deeper = _pairs(values, entry.value, inner, of=f"{of}.{entry.key}")
            found += [(f"{entry.key}.{path}", built) for path, built in deeper]
        elif (built := values.value(entry.value, field.type, name=entry.key)) is not None:
            found.append((entry.key, built))
    return found
