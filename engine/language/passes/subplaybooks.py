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
    """What is known of a file before its steps are: outputs by name, of any type and origin."""
    outputs = authored.outputs.entries if authored.outputs else ()
    gives = Type(kind="map", fields=tuple(Field(name=one.key, type=ANY) for one in outputs))
    return signature(authored, gives, _UNKNOWN)


def signature(authored: Authored, gives: Type, labels: Labels) -> Signature:
    """What a file takes and gives."""
    defaults = tuple((one.name, one.default) for one in inputs_of(authored)[0] if one.default is not None)
    return Signature(
        inputs=Type(kind="map", fields=tuple(one.field for one in authored.inputs)),
        defaults=defaults,
        called=any(one.kind.text == "call" for one in authored.on),
        outputs=gives,
        labels=labels,
    )


def call(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`playbook/x`: its inputs checked, its outputs typed."""
    world, name = resolver.world, step.uses.text.removeprefix(CALL)
    found = world.signature(name)
    if found is None:
        span = step.uses.span
        written = values.source.line(span.line)[span.column - 1 : span.end_column - 1]
        values.note(code.unknown_playbook(span, name=name, known=tuple(world.playbooks), written=written))
        return None
    if not found.called and found.inputs is not None:
        values.note(code.not_called(step.uses.span, name=name))
    of = step.uses.text
    if found.inputs is None:
        # What is wrong with that file is said there.
        loose = (
            [(entry.key, values.value(entry.value, ANY, name=entry.key)) for entry in step.args.entries]
            if step.args
            else []
        )
        return ResolvedStep(
            step=step,
            kind="playbook",
            outputs=ANY,
            args=tuple((name, one) for name, one in loose if one),
            labels=_UNKNOWN,
        )
    taken = pairs(
        values,
        step.args,
        found.inputs.fields,
        unknown=lambda span, key, known: code.unknown_argument(span, name=key, of=of, known=known),
        missing=lambda span, one: code.missing_argument(span, name=one.name, of=of, type_=str(one.type)),
        at=step.key("with"),
    )
    if taken is None:
        return None
    given = dict(taken)
    filled = {name: Built(arg=Fixed(value=value)) for name, value in found.defaults if name not in given}
    args = tuple(sorted({**given, **filled}.items()))
    return ResolvedStep(step=step, kind="playbook", outputs=found.outputs, args=args, labels=found.labels)


def find(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`run/find`: earlier ended runs of one playbook, newest first. What they gave may be of an older version: all of it optional."""
    world = resolver.world
    given = {entry.key: entry for entry in step.args.entries} if step.args else {}
    taker = Taker()
    if step.args is not None:
        taker.arguments(step.args, of="run/find", known=("playbook", "status", "limit"))
    word = taker.fixed(_value(given, "playbook"), name="playbook", example="playbook: weekly-metrics")
    status = taker.fixed(_value(given, "status"), name="status", example="status: succeeded")
    if status is not None and status.text not in ENDS:
        taker.note(playbook_shape.not_one_of(status.span, value=status.text, options=ENDS))
    limit = values.value(given["limit"].value, INTEGER, name="limit") if "limit" in given else None
    found = world.signature(word.text) if word is not None else None
    if word is None and "playbook" not in given:
        taker.note(code.missing_argument(step.key("with"), name="playbook", of="run/find", type_=str(TEXT)))
    elif word is not None and found is None:
        taker.note(
            code.unknown_playbook(word.span, name=word.text, known=tuple(world.playbooks), written=word.text)
        )
    if limit is not None and isinstance(limit.arg, Fixed) and not 1 <= limit.arg.value <= MAX_RUNS:
        at, wanted = place(given["limit"].value), f"a whole number from 1 to {MAX_RUNS}"
        taker.note(
            playbook_shape.bad_number(at, value=str(limit.arg.value), expected=wanted, example="limit: 4")
        )
    values.diagnostics += taker.diagnostics
    if word is None or found is None or values.wrong:
        return None
    args = [("playbook", Built(arg=Fixed(value=word.text)))]
    args += [("status", Built(arg=Fixed(value=status.text)))] if status is not None else []
    args += [("limit", limit)] if limit is not None else []
    return ResolvedStep(
        step=step, kind="find", outputs=record(runs=_runs(found)), args=tuple(args), labels=found.labels
    )


def _value(given: Mapping[str, nodes.Entry], key: str) -> nodes.Node | None:
    return given[key].value if key in given else None


def _runs(found: Signature) -> Type:
    """The rows of `run/find`."""
    fields = tuple(Field(name=one.name, type=nullable(one.type)) for one in found.outputs.fields)
    row = record(
        run=TEXT, status=choice(*ENDS), started=TIME, ended=TIME, outputs=Type(kind="map", fields=fields)
    )
    return listing(row)


def circles(calls: Mapping[str, Sequence[Word]]) -> dict[str, list[Diagnostic]]:
    """Calls by which a playbook would come back to itself: file → what is wrong in it. `calls` are the `uses` of each file."""
    reach = {name: _reached(name, calls) for name, uses in calls.items() if uses}
    found: dict[str, list[Diagnostic]] = {}
    for name, uses in calls.items():
        for one in uses:
            other = one.text.removeprefix(CALL)
            if other == name or name in reach.get(other, ()):
                found.setdefault(name, []).append(graph.calls_itself(one.span, name=name, callee=other))
    return found


def _reached(start: str, calls: Mapping[str, Iterable[Word]]) -> set[str]:
    found: set[str] = set()
    left = [start]
    while left:
        for one in calls.get(left.pop(), ()):
            other = one.text.removeprefix(CALL)
            if other not in found:
                found.add(other)
                left.append(other)
    return found
