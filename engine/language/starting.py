"""What starts a run: `on:` against the kinds of triggers there are."""

from dataclasses import dataclass, replace

from engine.language import hooks, listening
from engine.language.authored import Authored
from engine.language.codes import triggers as code
from engine.language.listening import Heard
from engine.language.resolved import World
from engine.language.scope import Scope
from engine.language.values import Values
from engine.model.plan import Trigger
from engine.model.span import Diagnostic
from engine.model.triggers import TRIGGERS

_GIVE_INPUTS = frozenset({"manual", "call"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The triggers of a file, and what each one's event holds."""

    triggers: tuple[Trigger, ...]
    heard: tuple[Heard, ...]


def read(authored: Authored, world: World) -> tuple[Started, tuple[Diagnostic, ...]]:
    """The triggers of a file, with fixed parameters."""
    values = Values(authored.source, Scope(now_only=True))
    triggers: list[Trigger] = []
    heard: list[Heard] = []
    needed = [one.field.name for one in authored.inputs if not one.field.optional]
    for one in authored.on:
        spec = TRIGGERS.get(one.kind.text)
        if spec is None:
            values.note(code.unknown_trigger(one.kind.span, name=one.kind.text, known=TRIGGERS))
            continue
        params = listening.params(world, values, spec, one.kind.span, one.params)
        triggers.append(Trigger(kind=spec.name, params=params))
        heard.append(listening.heard(world, spec.name, str(dict(params).get("type", ""))))
        fields = one.params.get("fields") if spec.name == "webhook" and one.params is not None else None
        if fields is not None:
            heard[-1] = replace(heard[-1], event=hooks.declared(values, fields))
        if needed and spec.name not in _GIVE_INPUTS:
            values.note(code.gives_no_input(one.kind.span, trigger=spec.name, names=needed))
    if not authored.on and authored.on_span is not None:
        values.note(code.no_trigger(authored.on_span))
    return Started(triggers=tuple(triggers), heard=tuple(heard)), tuple(values.diagnostics)
