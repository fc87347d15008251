"""The values of a file outside its steps: `subject`, `concurrency`, `once`, `stop-on`, the titles of gates, `outputs`."""

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
    """The values above and below the steps. Before a run exists only `event` and `inputs` can be read."""
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
        resolved_wait[0]
        for entry in authored.stop_on
        if (resolved_wait := triggers.awaited(resolver.world, values, entry.key, entry)) is not None
    )
    diagnostics = values.diagnostics
    titles = _titles(authored, resolver, diagnostics)
    outputs = _outputs(authored, resolver, diagnostics)
    heads = PlaybookExprs(
        subject=subject,
        concurrency=group,
        once=once,
        stop_on=stop_on,
        titles=titles,
        outputs=outputs,
        gives=_gives(outputs, steps),
    )
    return heads, diagnostics


def _titles(authored: Authored, resolver: StepResolver, diagnostics: list[Diagnostic]) -> dict[str, Built]:
    titles: dict[str, Built] = {}
    first: dict[str, int] = {}
    for at, step in enumerate(authored.steps):
        if step.gate is not None:
            first.setdefault(step.gate.text, at)
    for gate in authored.gates:
        # A title is shown on the card, so it may read the steps above the gate's first one.
        builder = resolver.values(first.get(gate.id.text, len(authored.steps)))
        built = builder.for_people().value(gate.title, TEXT, name="title") if gate.title else None
        diagnostics += builder.diagnostics
        if built is not None:
            titles[gate.id.text] = built
    return titles


def _outputs(
    authored: Authored, resolver: StepResolver, diagnostics: list[Diagnostic]
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
    diagnostics += values.diagnostics
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def _currencies(source: SourceText, name: str, node: nodes.Node) -> Iterator[Diagnostic]:
    """Diagnostics of the amounts written in an output's expressions."""
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
                locate = lambda start, end: part(source, node, base + start, base + end)  # noqa: E731
                yield from currencies.either(parse(text.strip()), locate, name=name)


def _gives(outputs: tuple[tuple[str, Built], ...], steps: Sequence[ResolvedStep]) -> Type:
    """The outputs' types. An output that reads a step which may not have run may be missing."""
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
    """Steps that a successful run may have left out."""
    absent: set[str] = set()
    ended = False
    for resolved in steps:
        reads = {
            read.path.split(".")[1]
            for built in resolved.built()
            for read in built.reads
            if _strictly(read.path) and not read.through_default
        }
        step = resolved.step
        if ended or step.condition or step.once or step.continue_on_error or reads & absent:
            absent.add(step.id.text)
        ended = ended or (resolved.kind == "end" and resolved.end_as == "succeeded")
    return absent
