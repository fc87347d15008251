"""What starts a run: `on:` checked against the kinds of triggers."""

from dataclasses import dataclass, replace

from engine.language.diagnostics.codes import triggers as code
from engine.language.documents.ast import Authored
from engine.language.passes import triggers as trigger_pass
from engine.language.passes import webhook_fields
from engine.language.passes.resolved import World
from engine.language.passes.triggers import TriggerType
from engine.language.passes.values import ValueBuilder
from engine.language.types.scope import TypeScope
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.plan import Trigger
from engine.model.definitions.triggers import TRIGGERS

_GIVE_INPUTS = frozenset({"manual", "call"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The triggers of a file, and what each one's event holds."""

    triggers: tuple[Trigger, ...]
    heard: tuple[TriggerType, ...]


def read(authored: Authored, world: World) -> tuple[Started, tuple[Diagnostic, ...]]:
    """The triggers of a file, with fixed parameters."""
    values = ValueBuilder(authored.source, TypeScope(now_only=True))
    triggers: list[Trigger] = []
    heard: list[TriggerType] = []
    needed = [declared.field.name for declared in authored.inputs if not declared.field.optional]
    for trigger in authored.on:
        spec = TRIGGERS.get(trigger.kind.text)
        if spec is None:
            values.note(code.unknown_trigger(trigger.kind.span, name=trigger.kind.text, known=TRIGGERS))
            continue
        params = trigger_pass.params(world, values, spec, trigger.kind.span, trigger.params)
        triggers.append(Trigger(kind=spec.name, params=params))
        heard.append(trigger_pass.trigger_type_of(world, spec.name, str(dict(params).get("type", ""))))
        fields = (
            trigger.params.get("fields") if spec.name == "webhook" and trigger.params is not None else None
        )
        if fields is not None:
            heard[-1] = replace(heard[-1], event=webhook_fields.declared(values, fields))
        if needed and spec.name not in _GIVE_INPUTS:
            values.note(code.gives_no_input(trigger.kind.span, trigger=spec.name, names=needed))
    if not authored.on and authored.on_span is not None:
        values.note(code.no_trigger(authored.on_span))
    return Started(triggers=tuple(triggers), heard=tuple(heard)), tuple(values.diagnostics)
