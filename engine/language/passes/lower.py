"""A checked file to its plan: frozen, canonical, readable without its source."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.language.diagnostics.codes import graph
from engine.language.diagnostics.codes import references as code
from engine.language.documents.ast import Authored
from engine.language.documents.playbook_fields import what
from engine.language.passes import dependencies, taint, type_errors
from engine.language.passes.dependencies import Edges
from engine.language.passes.playbook_exprs import PlaybookExprs
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import Built
from engine.language.text import scalars
from engine.language.text.nodes import Node as TextNode
from engine.language.text.nodes import Scalar
from engine.language.types.type_syntax import Declared, nullable, place
from engine.model.defaults import ATTEMPT_TIMEOUT, DECISION_TIMEOUT
from engine.model.definitions import value_range
from engine.model.definitions.actions import ActionSpec, UndoSpec
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.plan import (
    Arg,
    Expr,
    Fixed,
    Gate,
    Input,
    MapArg,
    Node,
    Plan,
    Retry,
    Trigger,
    undo_of,
)
from engine.model.definitions.settings import Config
from engine.model.definitions.types import DATE, Field, Type
from engine.model.values.canonical_json import Json


def inputs_type(authored: Authored) -> Type:
    """The type of the root `inputs`. One with a default always has a value."""
    fields = tuple(
        replace(one.field, optional=one.field.optional and one.default is None) for one in authored.inputs
    )
    return Type(kind="map", fields=fields)


def inputs_of(authored: Authored) -> tuple[tuple[Input, ...], tuple[Diagnostic, ...]]:
    """The declared inputs with their literal defaults."""
    found: list[Input] = []
    diagnostics: list[Diagnostic] = []
    for one in authored.inputs:
        default: Json = None
        if one.default is not None:
            good, default = _literal(one.default, one.field)
            if not good:
                diagnostics.append(
                    code.wrong_type(
                        place(one.default),
                        expected=str(one.field.type),
                        actual=what(one.default),
                        hint=_fixed(one.default, one.field.type, "a default"),
                    )
                )
        type_ = nullable(one.field.type) if one.field.optional and one.default is None else one.field.type
        limits = _limits(one, diagnostics)
        wrong = value_range.range_error(one.field.type.kind, default, **limits) if default is not None else ""
        if wrong and one.default is not None:
            diagnostics.append(
                code.wrong_type(
                    place(one.default), expected=wrong, actual=what(one.default), hint="mend one of them"
                )
            )
        made = Input(
            name=one.field.name,
            type=type_,
            required=not one.field.optional,
            default=default,
            description=one.field.description,
        )
        found.append(replace(made, **limits))
    return tuple(found), tuple(diagnostics)


def _limits(one: Declared, diagnostics: list[Diagnostic]) -> dict[str, Json]:
    """`least` and `most` of an input, which are fixed values of its own type."""
    found: dict[str, Json] = {}
    for entry in one.extra:
        type_ = one.field.type
        if type_.kind not in value_range.BOUNDED:
            why = "only numbers, amounts and dates have limits"
            kind = f"an input of {type_}"
            diagnostics.append(graph.key_does_not_fit(entry.key_span, key=entry.key, kind=kind, why=why))
            continue
        good, value = _literal(entry.value, one.field)
        if good:
            found["least" if entry.key == "min" else "most"] = value
        else:
            hint = _fixed(entry.value, type_, "a limit of an input")
            diagnostics.append(
                code.wrong_type(place(entry.value), expected=str(type_), actual=what(entry.value), hint=hint)
            )
    return found


def _fixed(node: TextNode, type_: Type, what_: str) -> str:
    """The hint of a value that is none of its type, or no fixed one."""
    if isinstance(node, Scalar) and (type_.kind, scalars.of_type(node.text, DATE, plain=True)[0]) == (
        "time",
        True,
    ):
        return f"a day is no time: write it like `{node.text.strip()}T09:00:00Z`, or make it a date and read `at(…, '09:00')`"
    computed = not isinstance(node, Scalar) or "${{" in node.text
    return (
        f"{what_} is a fixed value"
        if computed or type_.kind not in scalars.EXAMPLES
        else type_errors.example(type_)
    )


def _literal(node: TextNode, declared: Field) -> tuple[bool, Json]:
    if not isinstance(node, Scalar) or "${{" in node.text:
        return False, None
    return scalars.of_type(node.text, declared.type, plain=node.plain)


def plan(
    authored: Authored,
    steps: Sequence[ResolvedStep],
    edges: Mapping[str, Edges],
    *,
    triggers: tuple[Trigger, ...],
    inputs: tuple[Input, ...],
    heads: PlaybookExprs,
    facts: taint.TaintInput,
    files: tuple[tuple[str, str], ...],
    config: Config,
) -> Plan:
    """The plan of a file without errors."""
    nodes = tuple(_node(one, edges[one.step.id.text]) for one in steps)
    return Plan(
        id=authored.id,
        name=authored.name,
        description=authored.description,
        path=authored.path,
        source="sop" if authored.kind == "sop" else "playbook",
        stage=authored.stage,
        triggers=triggers,
        nodes=nodes,
        gates=_gates(authored, steps, heads),
        inputs=inputs,
        subject=_arg(heads.subject),
        concurrency=_arg(heads.concurrency),
        if_running=authored.if_running,
        once=_arg(heads.once),
        stop_on=heads.stop_on,
        outputs=tuple((name, _sorted(built.arg)) for name, built in heads.outputs),
        if_failed=authored.if_failed,
        budget_usd=authored.budget_usd,
        event_labels=facts.event,
        files=files,
        time_zone=config.time_zone,
        currency=config.currency,
    )


def _arg(built: Built | None) -> Arg | None:
    return None if built is None else built.arg


def _node(one: ResolvedStep, edges: Edges) -> Node:
    step = one.step
    condition = one.condition.arg if one.condition is not None else None
    human = one.kind == "human"
    return Node(
        id=step.id.text,
        name=step.name,
        kind=one.kind,
        uses="human/ask" if human else step.uses.text,
        span=step.id.span,
        args=tuple((name, _sorted(built.arg)) for name, built in one.args),
        action=_action(one),
        condition=condition if isinstance(condition, Expr) else None,
        needs=edges.needs,
        reads=edges.reads,
        soft_reads=edges.soft,
        verdicts=edges.verdicts,
        handles_failure=one.condition is not None and one.condition.handles_failure,
        stage=step.stage,
        reach=step.reach,
        highest_reach=taint.highest_reach(one),
        gate=step.gate.text if step.gate else None,
        undo_within=step.undo_within,
        timeout=step.timeout or (DECISION_TIMEOUT if human else ATTEMPT_TIMEOUT),
        retry=step.retry or Retry(),
        continue_on_error=step.continue_on_error,
        waits=one.waits,
        until=_arg(one.until),
        ask=one.ask,
        end_as=one.end_as,
        foreach=_arg(one.foreach),
        key=_arg(one.key),
        max_parallel=step.max_parallel or 4,
        pause=step.pause,
        repeat=one.repeat,
        once=_arg(one.once),
        subject=_arg(one.subject),
        expect=tuple((name, _sorted(built.arg)) for name, built in one.expect),
        undo=_undo(one),
        cite=step.cite,
    )


def _undo(one: ResolvedStep) -> Node | None:
    """What takes a step back, as a node of its own: about the same person, tried as often."""
    taking, step = one.undo, one.step
    if taking is None:
        return None
    return Node(
        id=undo_of(step.id.text),
        name=f"undo of {step.name}",
        kind="effect",
        uses=taking.step.uses.text,
        span=taking.step.uses.span,
        args=tuple((name, _sorted(built.arg)) for name, built in taking.args),
        action=taking.spec,
        reads=dependencies.reads_of(taking),
        stage=step.stage,
        highest_reach=taint.highest_reach(taking),
        timeout=step.timeout or ATTEMPT_TIMEOUT,
        retry=step.retry or Retry(),
        subject=_arg(one.subject),
        cite=step.cite,
    )


def _sorted(arg: Arg) -> Arg:
    """Maps by key, so that the plan doesn't depend on the order they were written in."""
    if isinstance(arg, MapArg):
        return MapArg(entries=tuple(sorted((key, _sorted(one)) for key, one in arg.entries)))
    return arg


def _action(one: ResolvedStep) -> ActionSpec | None:
    undo = one.step.undo
    if one.spec is None or undo is None:
        return one.spec
    return replace(one.spec, undo=UndoSpec(action=undo.uses.text if undo.uses else None, none=undo.none))


def _gates(authored: Authored, steps: Sequence[ResolvedStep], heads: PlaybookExprs) -> tuple[Gate, ...]:
    """The declared gates, then one for each step that acts without: the card the stage may ask for."""
    found = []
    standing: dict[str, list[str]] = {}
    for one in steps:
        if one.step.gate is not None:
            standing.setdefault(one.step.gate.text, []).append(one.step.id.text)
    for gate in authored.gates:
        members = tuple(standing.get(gate.id.text, ()))
        title = heads.titles[gate.id.text].arg if gate.id.text in heads.titles else Fixed(value=gate.id.text)
        found.append(Gate(id=gate.id.text, title=title, expires_after=gate.expires_after, members=members))
    for one in steps:
        if one.kind == "effect" and one.step.gate is None:
            id_ = one.step.id.text
            found.append(Gate(id=id_, title=Fixed(value=one.step.name), members=(id_,), own=True))
    return tuple(found)
