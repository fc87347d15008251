"""What starts a run: `on:` against the kinds of triggers there are."""

from engine.language import tree
from engine.language.authored import Authored, On
from engine.language.codes import references, shape, triggers
from engine.language.codes import triggers as code
from engine.language.near import intended
from engine.language.scope import Scope
from engine.language.typeexpr import place
from engine.language.values import Values
from engine.model.plan import Fixed, Trigger
from engine.model.span import Diagnostic
from engine.model.triggers import TRIGGERS, TriggerSpec

LATER_TRIGGERS = ("file", "schedule", "event", "intent", "webhook")
"""Triggers of the language that this version doesn't have yet."""


def read(authored: Authored) -> tuple[tuple[Trigger, ...], tuple[Diagnostic, ...]]:
    """The triggers of a file, with literal parameters."""
    values = Values(authored.source, Scope(now_only=True))
    found = [made for one in authored.on if (made := _trigger(values, one)) is not None]
    return tuple(found), tuple(values.diagnostics)


def _trigger(values: Values, on: On) -> Trigger | None:
    name = on.kind.text
    if name in LATER_TRIGGERS:
        values.note(
            shape.not_yet(
                on.kind.span,
                what=f"the trigger `{name}`",
                way_out="start it with `steward run`: `manual: {}`",
            )
        )
        return None
    spec = TRIGGERS.get(name)
    if spec is None:
        values.note(code.unknown_trigger(on.kind.span, name=name, known=(*TRIGGERS, *LATER_TRIGGERS)))
        return None
    return Trigger(kind=spec.name, params=_params(values, spec, on))


def _params(values: Values, spec: TriggerSpec, on: On) -> tuple[tuple[str, object], ...]:
    fields = {one.name: one for one in spec.params}
    given = {entry.key: entry for entry in on.params.entries} if on.params else {}
    found: list[tuple[str, object]] = []
    for entry in given.values():
        field = fields.get(entry.key)
        if field is None:
            free = [one for one in fields if one not in given]
            values.note(triggers.unknown_param(entry.key_span, name=entry.key, trigger=spec.name, known=free))
        elif isinstance(entry.value, tree.Scalar) and "${{" in entry.value.text:
            values.note(references.must_be_fixed(place(entry.value), what=f"`{entry.key}`"))
        elif (built := values.value(entry.value, field.type, name=entry.key)) is not None and isinstance(
            built.arg, Fixed
        ):
            found.append((entry.key, built.arg.value))
    misspelt = intended(given.keys() - fields.keys(), fields.keys() - given.keys())
    for one in spec.params:
        if one.name not in given.keys() | misspelt and not one.optional:
            values.note(triggers.missing_param(on.kind.span, name=one.name, trigger=spec.name))
    return tuple(sorted(found))
