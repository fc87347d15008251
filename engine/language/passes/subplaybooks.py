"""How files use each other: `playbook/x` runs another one, `run/find` reads what earlier runs gave."""

from collections.abc import Iterable, Mapping, Sequence

from engine.language.diagnostics.codes import graph, playbook_shape
from engine.language.diagnostics.codes import references as code
from engine.language.documents.ast import Authored, AuthoredStep, Word
from engine.language.documents.playbook_fields import Taker
from engine.language.passes.lower import inputs_of
from engine.language.passes.resolve import StepResolver
from engine.language.passes.resolved import ResolvedStep, Signature
from engine.language.passes.values import Built, ValueBuilder, pairs
from engine.language.text import nodes
from engine.language.types.type_syntax import nullable, place
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.plan import Fixed
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.types import ANY, INTEGER, TEXT, TIME, Field, Type, choice, listing, record

CALL = "playbook/"
ENDS = ("succeeded", "no-op", "failed", "cancelled", "undone")
MAX_RUNS = 100
_UNKNOWN: Labels = frozenset({Label.UNTRUSTED, Label.MODEL})


def provisional(authored: Authored) -> Signature:
    """The signature of a file before its steps are resolved: outputs by name, of any type and origin."""
    outputs = authored.outputs.entries if authored.outputs else ()
    gives = Type(kind="map", fields=tuple(Field(name=output.key, type=ANY) for output in outputs))
    return signature(authored, gives, _UNKNOWN)


def signature(authored: Authored, gives: Type, labels: Labels) -> Signature:
    """The signature of a file: what it takes and gives."""
    defaults = tuple(
        (input_.name, input_.default) for input_ in inputs_of(authored)[0] if input_.default is not None
    )
    return Signature(
        inputs=Type(kind="map", fields=tuple(declared.field for declared in authored.inputs)),
        defaults=defaults,
        called=any(trigger.kind.text == "call" for trigger in authored.on),
        outputs=gives,
        labels=labels,
    )


def call(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`playbook/x`: its inputs checked, its outputs typed."""
    world, name = resolver.world, step.uses.text.removeprefix(CALL)
    callee = world.signature(name)
    if callee is None:
        span = step.uses.span
        written = values.source.line(span.line)[span.column - 1 : span.end_column - 1]
        values.note(code.unknown_playbook(span, name=name, known=tuple(world.playbooks), written=written))
        return None
    if not callee.called and callee.inputs is not None:
        values.note(code.not_called(step.uses.span, name=name))
    of = step.uses.text
    if callee.inputs is None:
        # The mistakes of that file are reported there.
        unchecked = (
            [(entry.key, values.value(entry.value, ANY, name=entry.key)) for entry in step.args.entries]
            if step.args
            else []
        )
        return ResolvedStep(
            step=step,
            kind="playbook",
            outputs=ANY,
            args=tuple((name, built) for name, built in unchecked if built),
            labels=_UNKNOWN,
        )
    passed = pairs(
        values,
        step.args,
        callee.inputs.fields,
        unknown=lambda span, key, known: code.unknown_argument(span, name=key, of=of, known=known),
        missing=lambda span, field: code.missing_argument(
            span, name=field.name, of=of, type_=str(field.type)
        ),
        at=step.key("with"),
    )
    if passed is None:
        return None
    arguments = dict(passed)
    filled = {name: Built(arg=Fixed(value=value)) for name, value in callee.defaults if name not in arguments}
    args = tuple(sorted({**arguments, **filled}.items()))
    return ResolvedStep(step=step, kind="playbook", outputs=callee.outputs, args=args, labels=callee.labels)


def find(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`run/find`: earlier ended runs of one playbook, newest first. Their outputs may come from an older version, so all of them are optional."""
    world = resolver.world
    arguments = {entry.key: entry for entry in step.args.entries} if step.args else {}
    taker = Taker()
    if step.args is not None:
        taker.arguments(step.args, of="run/find", known=("playbook", "status", "limit"))
    word = taker.fixed(_value(arguments, "playbook"), name="playbook", example="playbook: weekly-metrics")
    status = taker.fixed(_value(arguments, "status"), name="status", example="status: succeeded")
    if status is not None and status.text not in ENDS:
        taker.note(playbook_shape.not_one_of(status.span, value=status.text, options=ENDS))
    limit = values.value(arguments["limit"].value, INTEGER, name="limit") if "limit" in arguments else None
    playbook = world.signature(word.text) if word is not None else None
    if word is None and "playbook" not in arguments:
        taker.note(code.missing_argument(step.key("with"), name="playbook", of="run/find", type_=str(TEXT)))
    elif word is not None and playbook is None:
        taker.note(
            code.unknown_playbook(word.span, name=word.text, known=tuple(world.playbooks), written=word.text)
        )
    if limit is not None and isinstance(limit.arg, Fixed) and not 1 <= limit.arg.value <= MAX_RUNS:
        at, expected = place(arguments["limit"].value), f"a whole number from 1 to {MAX_RUNS}"
        taker.note(
            playbook_shape.bad_number(at, value=str(limit.arg.value), expected=expected, example="limit: 4")
        )
    values.diagnostics += taker.diagnostics
    if word is None or playbook is None or values.wrong:
        return None
    args = [("playbook", Built(arg=Fixed(value=word.text)))]
    args += [("status", Built(arg=Fixed(value=status.text)))] if status is not None else []
    args += [("limit", limit)] if limit is not None else []
    return ResolvedStep(
        step=step, kind="find", outputs=record(runs=_runs(playbook)), args=tuple(args), labels=playbook.labels
    )


def _value(arguments: Mapping[str, nodes.Entry], key: str) -> nodes.Node | None:
    return arguments[key].value if key in arguments else None


def _runs(playbook: Signature) -> Type:
    """The rows of `run/find`."""
    fields = tuple(Field(name=output.name, type=nullable(output.type)) for output in playbook.outputs.fields)
    row = record(
        run=TEXT, status=choice(*ENDS), started=TIME, ended=TIME, outputs=Type(kind="map", fields=fields)
    )
    return listing(row)


def find_cycles(calls: Mapping[str, Sequence[Word]]) -> dict[str, list[Diagnostic]]:
    """Calls by which a playbook would reach itself: file → its diagnostics. `calls` are the `uses` of each file."""
    reach = {name: _reached(name, calls) for name, uses in calls.items() if uses}
    diagnostics: dict[str, list[Diagnostic]] = {}
    for name, uses in calls.items():
        for use in uses:
            callee = use.text.removeprefix(CALL)
            if callee == name or name in reach.get(callee, ()):
                diagnostics.setdefault(name, []).append(
                    graph.calls_itself(use.span, name=name, callee=callee)
                )
    return diagnostics


def _reached(start: str, calls: Mapping[str, Iterable[Word]]) -> set[str]:
    reached: set[str] = set()
    pending = [start]
    while pending:
        for use in calls.get(pending.pop(), ()):
            callee = use.text.removeprefix(CALL)
            if callee not in reached:
                reached.add(callee)
                pending.append(callee)
    return reached
