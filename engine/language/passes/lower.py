"""A checked file to its plan: frozen, canonical, readable without its source."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.language.diagnostics.codes import graph
from engine.language.diagnostics.codes import references as code
from engine.language.documents.ast import Authored
from engine.language.documents.playbook_fields import describe
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
    """The type of the root `inputs`. An input with a default always has a value."""
    fields = tuple(
        replace(declared.field, optional=declared.field.optional and declared.default is None)
        for declared in authored.inputs
    )
    return Type(kind="map", fields=fields)


def inputs_of(authored: Authored) -> tuple[tuple[Input, ...], tuple[Diagnostic, ...]]:
    """The declared inputs with their literal defaults."""
    inputs: list[Input] = []
    diagnostics: list[Diagnostic] = []
    for declared in authored.inputs:
        default: Json = None
        if declared.default is not None:
            good, default = _literal(declared.default, declared.field)
            if not good:
                diagnostics.append(
                    code.wrong_type(
                        place(declared.default),
                        expected=str(declared.field.type),
                        actual=describe(declared.default),
                        hint=_fixed(declared.default, declared.field.type, "a default"),
                    )
                )
        type_ = (
            nullable(declared.field.type)
            if declared.field.optional and declared.default is None
            else declared.field.type
        )
        limits = _limits(declared, diagnostics)
        wrong = (
            value_range.range_error(
                declared.field.type.kind, default, minimum=limits.get("least"), maximum=limits.get("most")
            )
            if default is not None
            else ""
        )
        if wrong and declared.default is not None:
            diagnostics.append(
                code.wrong_type(
                    place(declared.default),
                    expected=wrong,
                    actual=describe(declared.default),
                    hint="mend one of them",
                )
            )
        plan_input = Input(
            name=declared.field.name,
            type=type_,
            required=not declared.field.optional,
            default=default,
            description=declared.field.description,
        )
        inputs.append(replace(plan_input, **limits))
    return tuple(inputs), tuple(diagnostics)


def _limits(declared: Declared, diagnostics: list[Diagnostic]) -> dict[str, Json]:
    """`least` and `most` of an input, which are fixed values of its own type."""
    limits: dict[str, Json] = {}
    for entry in declared.extra:
        type_ = declared.field.type
        if type_.kind not in value_range.BOUNDED:
            why = "only numbers, amounts and dates have limits"
            kind = f"an input of {type_}"
            diagnostics.append(graph.key_does_not_fit(entry.key_span, key=entry.key, kind=kind, why=why))
            continue
        good, value = _literal(entry.value, declared.field)
        if good:
            limits["least" if entry.key == "min" else "most"] = value
        else:
            hint = _fixed(entry.value, type_, "a limit of an input")
            diagnostics.append(
                code.wrong_type(
                    place(entry.value), expected=str(type_), actual=describe(entry.value), hint=hint
                )
            )
    return limits


def _fixed(node: TextNode, type_: Type, what_: str) -> str:
    """The hint for a value that is of another type, or is not fixed."""
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
    nodes = tuple(_node(resolved, edges[resolved.step.id.text]) for resolved in steps)
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


def _node(resolved: ResolvedStep, edges: Edges) -> Node:
    step = resolved.step
    condition = resolved.condition.arg if resolved.condition is not None else None
    human = resolved.kind == "human"
    return Node(
        id=step.id.text,
        name=step.name,
        kind=resolved.kind,
        uses="human/ask" if human else step.uses.text,
        span=step.id.span,
        args=tuple((name, _sorted(built.arg)) for name, built in resolved.args),
        action=_action(resolved),
        condition=condition if isinstance(condition, Expr) else None,
        needs=edges.needs,
        reads=edges.reads,
        soft_reads=edges.soft,
        verdicts=edges.verdicts,
        handles_failure=resolved.condition is not None and resolved.condition.handles_failure,
        stage=step.stage,
        reach=step.reach,
        highest_reach=taint.highest_reach(resolved),
        gate=step.gate.text if step.gate else None,
        undo_within=step.undo_within,
        timeout=step.timeout or (DECISION_TIMEOUT if human else ATTEMPT_TIMEOUT),
        retry=step.retry or Retry(),
        continue_on_error=step.continue_on_error,
        waits=resolved.waits,
        until=_arg(resolved.until),
        ask=resolved.ask,
        end_as=resolved.end_as,
        foreach=_arg(resolved.foreach),
        key=_arg(resolved.key),
        max_parallel=step.max_parallel or 4,
        pause=step.pause,
        repeat=resolved.repeat,
        once=_arg(resolved.once),
        subject=_arg(resolved.subject),
        expect=tuple((name, _sorted(built.arg)) for name, built in resolved.expect),
        undo=_undo(resolved),
        cite=step.cite,
    )


def _undo(resolved: ResolvedStep) -> Node | None:
    """The undo of a step as a node of its own: about the same person, with the same retries."""
    undo, step = resolved.undo, resolved.step
    if undo is None:
        return None
    return Node(
        id=undo_of(step.id.text),
        name=f"undo of {step.name}",
        kind="effect",
        uses=undo.step.uses.text,
        span=undo.step.uses.span,
        args=tuple((name, _sorted(built.arg)) for name, built in undo.args),
        action=undo.spec,
        reads=dependencies.reads_of(undo),
        stage=step.stage,
        highest_reach=taint.highest_reach(undo),
        timeout=step.timeout or ATTEMPT_TIMEOUT,
        retry=step.retry or Retry(),
        subject=_arg(resolved.subject),
        cite=step.cite,
    )


def _sorted(arg: Arg) -> Arg:
    """Maps by key, so that the plan doesn't depend on the order they were written in."""
    if isinstance(arg, MapArg):
        return MapArg(entries=tuple(sorted((key, _sorted(value)) for key, value in arg.entries)))
    return arg


def _action(resolved: ResolvedStep) -> ActionSpec | None:
    undo = resolved.step.undo
    if resolved.spec is None or undo is None:
        return resolved.spec
    return replace(resolved.spec, undo=UndoSpec(action=undo.uses.text if undo.uses else None, none=undo.none))


def _gates(authored: Authored, steps: Sequence[ResolvedStep], heads: PlaybookExprs) -> tuple[Gate, ...]:
    """The declared gates, then one for each step that acts without a gate: the card the stage may ask for."""
    gates = []
    members_of: dict[str, list[str]] = {}
    for resolved in steps:
        if resolved.step.gate is not None:
            members_of.setdefault(resolved.step.gate.text, []).append(resolved.step.id.text)
    for gate in authored.gates:
        members = tuple(members_of.get(gate.id.text, ()))
        title = heads.titles[gate.id.text].arg if gate.id.text in heads.titles else Fixed(value=gate.id.text)
        gates.append(Gate(id=gate.id.text, title=title, expires_after=gate.expires_after, members=members))
    for resolved in steps:
        if resolved.kind == "effect" and resolved.step.gate is None:
            id_ = resolved.step.id.text
            gates.append(Gate(id=id_, title=Fixed(value=resolved.step.name), members=(id_,), own=True))
    return tuple(gates)
