"""The order of steps, which step is behind which gate, and what gates may cover."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.language.diagnostics.codes import graph as code
from engine.language.diagnostics.codes import references
from engine.language.documents.ast import Authored, AuthoredStep
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import Built
from engine.language.text.suggest import corrections
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.plan import Plan

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What one step waits for and reads."""

    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()

    @property
    def predecessors(self) -> tuple[str, ...]:
        """Every step that has to be settled first."""
        return tuple(dict.fromkeys((*self.needs, *self.reads, *self.soft)))


def edges(
    authored: Authored, resolved: Sequence[ResolvedStep], titles: Mapping[str, Built]
) -> tuple[dict[str, Edges], tuple[Diagnostic, ...]]:
    """The edges of every step. Without `needs`, a step needs the one above it; a gate's title is read by its steps."""
    order = {step.id.text: index for index, step in reversed(list(enumerate(authored.steps)))}
    diagnostics: list[Diagnostic] = []
    edges_by_id: dict[str, Edges] = {}
    known = {resolved_step.step.id.text: resolved_step for resolved_step in resolved}
    for index, step in enumerate(authored.steps):
        needs = _needs(authored, step, index, order, diagnostics)
        resolved_step = known.get(step.id.text)
        title = titles.get(step.gate.text) if step.gate else None
        built = (*(resolved_step.built() if resolved_step else ()), *((title,) if title else ()))
        reads, soft, verdicts = _steps_read(built)
        soft = (*soft, *_read_by_undo(resolved_step, known=(step.id.text, *reads, *soft)))
        edges_by_id.setdefault(step.id.text, Edges(needs=needs, reads=reads, soft=soft, verdicts=verdicts))
    return edges_by_id, tuple(diagnostics)


def reads_of(resolved: ResolvedStep) -> tuple[str, ...]:
    """The steps whose outputs a step reads strictly."""
    return _steps_read(resolved.built())[0]


def _read_by_undo(resolved: ResolvedStep | None, *, known: tuple[str, ...]) -> tuple[str, ...]:
    """The steps only the undo reads: settled before the step acts, so that it can be undone at any time. Skipping one skips nothing."""
    if resolved is None or resolved.undo is None:
        return ()
    reads, soft, _ = _steps_read(resolved.undo.built())
    return tuple(name for name in (*reads, *soft) if name not in known)


def _needs(
    authored: Authored,
    step: AuthoredStep,
    index: int,
    order: Mapping[str, int],
    diagnostics: list[Diagnostic],
) -> tuple[str, ...]:
    if step.needs is None:
        return (authored.steps[index - 1].id.text,) if index else ()
    needed = []
    for word in step.needs:
        at = order.get(word.text)
        if at is None:
            above = [earlier.id.text for earlier in authored.steps[:index]]
            diagnostics.append(code.unknown_need(word.span, name=word.text, known=above))
        elif at >= index:
            line = authored.steps[at].id.span.line
            diagnostics.append(code.later_need(word.span, name=word.text, line=line, itself=at == index))
        else:
            needed.append(word.text)
    return tuple(dict.fromkeys(needed))


def _steps_read(values: Iterable[Built]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    strict: dict[str, None] = {}
    soft: dict[str, None] = {}
    verdicts: dict[str, None] = {}
    for built in values:
        for read in built.reads:
            root, _, subpath = read.path.partition(".")
            name, _, inner = subpath.partition(".")
            if root == "gates":
                verdicts[name] = None
            elif root == "steps":
                (soft if read.through_default or inner == "status" else strict)[name] = None
    return tuple(strict), tuple(name for name in soft if name not in strict), tuple(verdicts)


def unreachable(resolved: Sequence[ResolvedStep], edges_by_id: Mapping[str, Edges]) -> list[Diagnostic]:
    """Steps behind a `run/end` that always ends the run: one diagnostic for each such end, at the first of them."""
    behind: dict[str, str] = {}
    lost: dict[str, list[AuthoredStep]] = {}
    for resolved_step in resolved:
        id_ = resolved_step.step.id.text
        if id_ not in edges_by_id:
            continue
        end = next((behind[name] for name in edges_by_id[id_].predecessors if name in behind), "")
        if end and not (resolved_step.condition is not None and resolved_step.condition.handles_failure):
            behind.setdefault(id_, end)
            lost.setdefault(end, []).append(resolved_step.step)
        elif resolved_step.kind == "end" and resolved_step.condition is None and not edges_by_id[id_].reads:
            behind.setdefault(id_, id_)
    return [
        code.never_runs(steps[0].id.span, step=steps[0].id.text, further_steps=len(steps) - 1, end=end)
        for end, steps in lost.items()
    ]


def unique_steps(authored: Authored) -> list[Diagnostic]:
    """Diagnostics of step ids that are used twice."""
    first: dict[str, int] = {}
    diagnostics = []
    for step in authored.steps:
        line = first.setdefault(step.id.text, step.id.span.line)
        if line != step.id.span.line:
            diagnostics.append(code.same_step(step.id.span, id_=step.id.text, line=line))
    return diagnostics


def check_gates(
    authored: Authored, resolved: Mapping[str, ResolvedStep], edges_by_id: Mapping[str, Edges]
) -> list[Diagnostic]:
    """Unknown and empty gates, members that read each other, steps between members, verdicts read too early."""
    declared = {gate.id.text: gate for gate in authored.gates}
    members: dict[str, list[AuthoredStep]] = {name: [] for name in declared}
    diagnostics: list[Diagnostic] = []
    for step in authored.steps:
        if step.gate is None:
            diagnostics += _check_step_name(step, resolved.get(step.id.text), declared)
        elif step.gate.text not in declared:
            diagnostics.append(references.unknown_gate(step.gate.span, name=step.gate.text, known=declared))
        else:
            members[step.gate.text].append(step)
    above = _above(authored, edges_by_id)
    misspelt = corrections(
        (step.gate.text for step in authored.steps if step.gate and step.gate.text not in declared), declared
    )
    for name, steps in members.items():
        if not steps and name not in misspelt:
            diagnostics.append(code.empty_gate(declared[name].id.span, gate=name))
        diagnostics += _between(name, steps, resolved, above)
    diagnostics += _verdicts(authored, edges_by_id, members)
    return diagnostics


def _check_step_name(
    step: AuthoredStep, resolved: ResolvedStep | None, declared: Mapping[str, object]
) -> list[Diagnostic]:
    if step.id.text not in declared or resolved is None or resolved.kind != "effect":
        return []
    fix = None if step.room is None else Fix(span=step.room.span, text=step.room.key(f"gate: {step.id.text}"))
    return [code.name_of_gate(step.id.span, step=step.id.text, fix=fix)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Above:
    """The predecessors of each step, direct and indirect, as bits: step n is bit n. A set of sets would be quadratic in memory."""

    names: tuple[str, ...]
    bit: Mapping[str, int]
    above: Mapping[str, int]

    def named(self, bits: int) -> str:
        """The first step of a set."""
        return self.names[(bits & -bits).bit_length() - 1]


def _above(authored: Authored, edges_by_id: Mapping[str, Edges]) -> _Above:
    names = tuple(dict.fromkeys(step.id.text for step in authored.steps))
    bit = {name: 1 << at for at, name in enumerate(names)}
    above: dict[str, int] = {}
    for name in names:
        bits = 0
        for earlier in edges_by_id[name].predecessors if name in edges_by_id else ():
            bits |= bit[earlier] | above.get(earlier, 0)
        above[name] = bits
    return _Above(names=names, bit=bit, above=above)


def _between(
    gate: str, steps: Sequence[AuthoredStep], resolved: Mapping[str, ResolvedStep], order: _Above
) -> list[Diagnostic]:
    inside = 0
    for step in steps:
        inside |= order.bit[step.id.text]
    ids = {step.id.text for step in steps}
    diagnostics: list[Diagnostic] = []
    for step in steps if len(steps) > 1 else ():
        id_ = step.id.text
        read = _member_read(resolved.get(id_), ids - {id_}, resolved)
        if read is not None:
            member, span, previewed = read
            diagnostics.append(
                code.reads_member(span or step.id.span, gate=gate, member=member, previewed=previewed)
            )
            continue
        outside = [
            name
            for name in order.names
            if order.bit[name] & order.above[id_] & ~inside and order.above[name] & inside
        ]
        if outside:
            first = order.named(order.above[outside[0]] & inside)
            diagnostics.append(
                code.not_convex(step.id.span, gate=gate, between=outside[0], first=first, last=id_)
            )
    return diagnostics


def _member_read(
    reader: ResolvedStep | None, others: set[str], resolved: Mapping[str, ResolvedStep]
) -> tuple[str, Span | None, tuple[str, ...]] | None:
    for built in reader.built() if reader else ():
        for read in built.reads:
            parts = read.path.split(".")
            if parts[0] != "steps" or parts[1] not in others or parts[2] == "status":
                continue
            spec = resolved[parts[1]].spec if parts[1] in resolved else None
            previewed = spec.previewed if spec else ()
            if len(parts) < 4 or parts[3] not in previewed:
                span = next((flow.span for flow in built.flows if flow.path == read.path), None)
                return parts[1], span, previewed
    return None


def _verdicts(
    authored: Authored,
    edges_by_id: Mapping[str, Edges],
    members: Mapping[str, Sequence[AuthoredStep]],
) -> list[Diagnostic]:
    order = {step.id.text: index for index, step in enumerate(authored.steps)}
    diagnostics = []
    for step in authored.steps:
        for gate in edges_by_id[step.id.text].verdicts if step.id.text in edges_by_id else ():
            late = next(
                (member for member in members.get(gate, ()) if order[member.id.text] >= order[step.id.text]),
                None,
            )
            if late is not None:
                diagnostics.append(code.early_verdict(step.key("if"), gate=gate, member=late.id.text))
    return diagnostics


def graph(plan: Plan) -> "nx.DiGraph[str]":
    """The plan's public face: a node for each step, an edge for each dependency with `kind` needs, reads or soft."""
    import networkx as nx

    digraph: nx.DiGraph[str] = nx.DiGraph(plan=plan.id)
    for node in plan.nodes:
        digraph.add_node(
            node.id,
            name=node.name,
            kind=node.kind,
            uses=node.uses,
            gate=node.gate,
            reach=node.highest_reach.value,
        )
    for node in plan.nodes:
        for kind, names in (("soft", node.soft_reads), ("reads", node.reads), ("needs", node.needs)):
            for name in names:
                digraph.add_edge(name, node.id, kind=kind)
    return digraph
