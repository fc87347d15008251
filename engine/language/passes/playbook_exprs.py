"""The values of a file that belong to no step: whom it is about, what it is once for, what ends it, what it gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.language.diagnostics.codes import references as code
from engine.language.documents.ast import Authored
from engine.language.expressions import currencies
from engine.language.expressions.expressions import whole
from engine.language.expressions.parser import parse
from engine.language.passes import triggers
from engine.language.passes.foreach import type_of
from engine.language.passes.resolve import StepResolver
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import Built, ValueBuilder, words
from engine.language.text import nodes
from engine.language.text.identifiers import is_field
from engine.language.text.source import SourceText, part
from engine.language.types.scope import TypeScope
from engine.language.types.type_syntax import nullable
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.plan import WaitFor
from engine.model.definitions.types import ANY, TEXT, Field, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookExprs:
    """These values, built. `gives` is the type of `outputs` as callers read it."""

    subject: Built | None = None
    concurrency: Built | None = None
    once: Built | None = None
    stop_on: tuple[WaitFor, ...] = ()
    titles: Mapping[str, Built] = field(default_factory=dict)
    outputs: tuple[tuple[str, Built], ...] = ()
    gives: Type = field(default_factory=lambda: Type(kind="map"))


def heads_of(
    authored: Authored, event: Type | None, resolver: StepResolver, steps: Sequence[ResolvedStep]
) -> tuple[PlaybookExprs, list[Diagnostic]]:
    """What stands above and below the steps. Before a run exists only `event` and `inputs` can be read."""
    scope = TypeScope(
        event=event,
        inputs=resolver.inputs,
        currency=resolver.world.config.currency,
        now_only=True,
        undeclared=resolver.undeclared,
    )
    values = ValueBuilder(authored.source, scope)
    subject = words(values, authored.subject, name="subject")
    group = words(values, authored.concurrency, name="concurrency")
    once = words(values, authored.once, name="once")
    stop_on = tuple(
        made[0]
        for entry in authored.stop_on
        if (made := triggers.awaited(resolver.world, values, entry.key, entry)) is not None
    )
    found = values.diagnostics
    titles = _titles(authored, resolver, found)
    outputs = _outputs(authored, resolver, found)
    heads = PlaybookExprs(
        subject=subject,
        concurrency=group,
        once=once,
        stop_on=stop_on,
        titles=titles,
        outputs=outputs,
        gives=_gives(outputs, steps),
    )
    return heads, found


def _titles(authored: Authored, resolver: StepResolver, found: list[Diagnostic]) -> dict[str, Built]:
    titles: dict[str, Built] = {}
    first: dict[str, int] = {}
    for at, one in enumerate(authored.steps):
        if one.gate is not None:
            first.setdefault(one.gate.text, at)
    for gate in authored.gates:
        # A title is written on the card, so it reads what stands above the gate's first step.
        titled = resolver.values(first.get(gate.id.text, len(authored.steps)))
        built = titled.for_people().value(gate.title, TEXT, name="title") if gate.title else None
        found += titled.diagnostics
        if built is not None:
            titles[gate.id.text] = built
    return titles


def _outputs(
    authored: Authored, resolver: StepResolver, found: list[Diagnostic]
) -> tuple[tuple[str, Built], ...]:
    values = resolver.values(len(authored.steps))
    pairs = []
    for entry in authored.outputs.entries if authored.outputs else ():
        if not is_field(entry.key):
            values.note(code.bad_field_name(entry.key_span, name=entry.key))
            continue
        built = values.value(entry.value, ANY, name=entry.key)
        if built is not None:
            pairs.append((entry.key, built))
            values.diagnostics += _currencies(authored.source, entry.key, entry.value)
    found += values.diagnostics
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def _currencies(source: SourceText, name: str, node: nodes.Node) -> Iterator[Diagnostic]:
    """What is said of the amounts written in an output's expressions."""
    match node:
        case nodes.Mapping():
            for entry in node.entries:
                yield from _currencies(source, entry.key, entry.value)
        case nodes.Sequence():
            for inner in node.items:
                yield from _currencies(source, name, inner)
        case nodes.Scalar():
            piece = whole(node.text)
            if piece is not None:
                text = node.text[piece.inner : piece.inner_end]
                base = piece.inner + len(text) - len(text.lstrip())
                where = lambda start, end: part(source, node, base + start, base + end)  # noqa: E731
                yield from currencies.either(parse(text.strip()), where, name=name)


def _gives(outputs: tuple[tuple[str, Built], ...], steps: Sequence[ResolvedStep]) -> Type:
    """The outputs' types. One that reads a step which may not have run may be missing."""
    absent = _maybe_absent(steps)
    fields = []
    for name, built in outputs:
        type_ = type_of(built.arg)
        strict = {
            read.path.split(".")[1]
            for read in built.reads
            if _strictly(read.path) and not read.through_default
        }
        fields.append(Field(name=name, type=nullable(type_) if strict & absent else type_))
    return Type(kind="map", fields=tuple(fields))


def _strictly(path: str) -> bool:
    parts = path.split(".")
    return parts[0] == "steps" and parts[2] == "outputs"


def _maybe_absent(steps: Sequence[ResolvedStep]) -> set[str]:
    """Steps that a run which ends well may have left out."""
    found: set[str] = set()
    ended = False
    for one in steps:
        reads = {
            read.path.split(".")[1]
            for built in one.built()
            for read in built.reads
            if _strictly(read.path) and not read.through_default
        }
        step = one.step
        if ended or step.condition or step.once or step.continue_on_error or reads & found:
            found.add(step.id.text)
        ended = ended or (one.kind == "end" and one.end_as == "succeeded")
    return found
