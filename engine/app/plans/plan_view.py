"""A plan as people and programs read it: what runs, asks, is previewed or left out, in what order, and what could start earlier.

*implicit* is an order that is not written under ``needs:``: the step above, or a step that is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from engine.app.plans.phrases import heard_words, time_words, trigger_words, undo_words, words
from engine.model import approval_rule
from engine.model.definitions.actions import Reach, reach_of
from engine.model.definitions.plan import Arg, Expr, Fixed, Gate, ListArg, Node, Plan, Stage
from engine.model.definitions.settings import PolicyRules
from engine.model.effects import Answer
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json
from engine.model.values.durations import exact

Does = Literal["run", "ask", "preview", "skip"]
Because = Literal["needs", "order", "reads", "default"]
Line: TypeAlias = tuple[str, str]

SIGNS: Mapping[str, str] = {"run": "+", "ask": "~", "preview": "?", "skip": "-", "read": "·"}
"""The sign before a step: acts, asks, previews, never runs; ``·`` reads, waits or ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One step that has to be settled first. `order`: only because it is written above; `default`: read in a way that survives its skipping."""

    step: str
    because: Because

    @property
    def implicit(self) -> bool:
        """Whether it is not written under `needs:`."""
        return self.because != "needs"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One step. `low` … `high`: how near and how far a call may reach. `earlier`: the `needs:` that would let it start sooner."""

    node: Node
    does: Does
    acts: bool
    what: str
    low: Reach
    high: Reach
    after: tuple[Edge, ...] = ()
    earlier: tuple[str, ...] | None = None

    @property
    def sign(self) -> str:
        """The sign before it."""
        return SIGNS["read" if self.does == "run" and not self.acts else self.does]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """One plan, looked at under a policy. `watched` are the mailboxes on a server it hears, where something of it may leave alone."""

    plan: Plan
    digest: str
    rows: tuple[PlanRow, ...]
    gates: tuple[Gate, ...]
    watched: tuple[str, ...] = ()

    @property
    def highest(self) -> Reach:
        """How far any step may reach."""
        return max((row.high for row in self.rows), key=lambda reach: reach.rank, default=Reach.INTERNAL)


def analyze(
    plan: Plan, *, policy: PolicyRules, unsaid: frozenset[str], far: frozenset[str] = frozenset()
) -> PlanView:
    """`plan` under `policy`. `unsaid` are the steps without `needs:` (see :func:`implicit_order`), `far` the mailboxes on a server."""
    from engine.language.passes.plan_codec import digest

    sooner = _earlier(plan, unsaid)
    rows = tuple(_row(plan, node, policy, unsaid, sooner.get(node.id)) for node in plan.nodes)
    asking = {row.node.id for row in rows if row.does == "ask" and row.node.gate is None}
    gates = tuple(gate for gate in plan.gates if not gate.own or asking & set(gate.members))
    leaves = any(row.acts and row.high is not Reach.INTERNAL for row in rows)
    heard = {
        str(dict(trigger.params).get("mailbox", "")) for trigger in plan.triggers if trigger.kind == "email"
    }
    every = any(trigger.kind == "intent" for trigger in plan.triggers)
    watched = tuple(sorted(far if every else far & heard)) if leaves else ()
    return PlanView(plan=plan, digest=digest(plan), rows=rows, gates=gates, watched=watched)


def implicit_order(plan: Plan, tree: Tree) -> frozenset[str]:
    """The steps of a plan whose source says nothing about `needs`, so that the step above comes first."""
    from engine.language.documents import playbook, sop
    from engine.language.text.source import SourceText
    from engine.language.yaml import reader

    try:
        source_bytes = tree.read(plan.path)
    except KeyError:
        return frozenset()
    source = SourceText.from_bytes(plan.path, source_bytes)
    if plan.source == "sop":
        authored, _ = sop.read(source, plan.id, source_bytes, notes={}, is_sop=lambda _: False)
    else:
        node, _ = reader.read(plan.path, source_bytes)
        authored = None if node is None else playbook.read(source, plan.id, node)[0]
    return (
        frozenset(step.id.text for step in authored.steps if step.needs is None) if authored else frozenset()
    )


def stage_of(plan: Plan, node: Node) -> Stage:
    """How far a step may go: the file's stage is the ceiling."""
    return approval_rule.lowest(plan.stage, node.stage)


# ---------------------------------------------------------------- what a step does


def _row(
    plan: Plan, node: Node, policy: PolicyRules, unsaid: frozenset[str], earlier: tuple[str, ...] | None
) -> PlanRow:
    low, high = reaches(node)
    does, acts, sentence = _what(plan, node, policy, low, high)
    return PlanRow(
        node=node, does=does, acts=acts, what=sentence, low=low, high=high, after=_after(node, unsaid), earlier=earlier
    )  # fmt: skip


def reaches(node: Node) -> tuple[Reach, Reach]:
    """(nearest, farthest) reach of a call: what an expression gives may be null where its type says so."""
    if node.action is None:
        return Reach.INTERNAL, Reach.INTERNAL
    nearest = {name: _surely(arg) for name, arg in node.args}
    return reach_of(node.action, nearest, floor=node.reach), node.highest_reach


def own_reach(node: Node) -> Reach:
    """How far its arguments may reach, whatever is declared: what an expression gives counts as present."""
    if node.action is None:
        return Reach.INTERNAL
    return reach_of(
        node.action, {name: arg.value if isinstance(arg, Fixed) else True for name, arg in node.args}
    )


def _surely(arg: Arg) -> Json:
    """A stand-in that is present only where the value certainly is."""
    match arg:
        case Fixed():
            return arg.value
        case Expr():
            return None if arg.type.nullable else True
        case ListArg():
            return [_surely(element) for element in arg.items]
        case _:
            return True


def _what(plan: Plan, node: Node, policy: PolicyRules, low: Reach, high: Reach) -> tuple[Does, bool, str]:
    if node.condition is not None and node.condition.cel.strip() == "false":
        return "skip", False, "never runs: its `if` is false"
    match node.kind:
        case "call":
            return "run", False, "reads"
        case "wait":
            return "run", False, f"waits {_waits(node)}"
        case "human":
            return "ask", False, f"asks {(node.ask.who if node.ask else None) or 'you'}"
        case "end":
            return "run", False, f"ends the run as {node.end_as}"
        case "playbook":
            return "run", True, "runs it and waits"
        case "find":
            return "run", False, "reads earlier runs"
        case "effect":
            return _effect(stage_of(plan, node), node, policy, low, high)


def _waits(node: Node) -> str:
    names = " or ".join(wait.name for wait in node.waits)
    time = "" if node.until is None else time_words(node.until)
    if names and time:
        return f"for {names}, at most {time}"
    return f"for {names}" if names else time or "for nothing"


def _effect(stage: Stage, node: Node, policy: PolicyRules, low: Reach, high: Reach) -> tuple[Does, bool, str]:
    if any(fnmatchcase(node.uses, pattern) for pattern in policy.deny):
        return "skip", False, "never runs: vault/policy.yaml denies it"
    span = str(high) if low is high else f"{low} to {high}"
    if approval_rule.answer(stage, high) is Answer.PREVIEW:
        return "preview", False, f"previews ({span})"
    if node.gate is not None:
        return "ask", True, f"asks at gate {node.gate} ({span})"
    hold = f", held {exact(node.undo_within)}" if node.undo_within else ""
    if approval_rule.answer(stage, high, policy.always_ask) is Answer.ALLOW:
        return "run", True, f"acts ({span}){_hush(policy, low, high)}{hold}"
    excepted = _excepted(stage, node, policy, high)
    may_act = approval_rule.answer(stage, low, policy.always_ask) is Answer.ALLOW
    alone = f", acts alone when {low}" if may_act else ""
    quiet = _hush(policy, low, high) if excepted or alone else ""
    return "ask", True, f"asks ({span}){excepted}{alone}{quiet}{hold}"


def _excepted(stage: Stage, node: Node, policy: PolicyRules, high: Reach) -> str:
    """Up to which amount policy.yaml lets it run all the same."""
    exceptions = approval_rule.exceptions(policy, stage, high, node.uses)
    if not exceptions:
        return ""
    ceilings = (f"{exception.up_to.text()} ({exception.per_day.text()} a day)" for exception in exceptions)
    return f", acts alone up to {' or '.join(ceilings)}"


def _hush(policy: PolicyRules, low: Reach, high: Reach) -> str:
    """When it asks although it would act."""
    quiet = policy.quiet
    if quiet is None or not any(low.rank <= reach.rank <= high.rank for reach in quiet.reach):
        return ""
    return f", asks when it is quiet ({quiet.text()})"


# ---------------------------------------------------------------- order


def _after(node: Node, unsaid: frozenset[str]) -> tuple[Edge, ...]:
    edges: list[Edge] = []
    for name in node.before:
        because: Because
        if name in node.needs and node.id not in unsaid:
            because = "needs"
        elif name in node.reads:
            because = "reads"
        elif name in node.soft_reads:
            because = "default"
        else:
            because = "order"
        edges.append(Edge(step=name, because=because))
    return tuple(edges)


def _quiet(node: Node) -> bool:
    """Whether a step only reads or prepares: nothing of it is seen outside, and no person is waited for."""
    if node.gate is not None or node.handles_failure or node.verdicts:
        return False
    return node.kind in {"call", "find"} or (
        node.kind == "effect" and node.action is not None and node.action.prepares
    )


def _earlier(plan: Plan, unsaid: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Step → the `needs:` with which it would start sooner and mean the same.

    Only for a step that reads or prepares, has no `needs:`, doesn't read the step above, and would overtake nothing but
    steps that read or prepare: an order behind an effect, a wait, a person or an end may be meant.
    """
    bit = {node.id: 1 << at for at, node in enumerate(plan.nodes)}
    above: dict[str, int] = {}
    loud = 0
    needs: dict[str, tuple[str, ...]] = {}
    for node in plan.nodes:
        read = _union(bit, above, (*node.reads, *node.soft_reads))
        above[node.id] = read | _union(bit, above, node.needs)
        if not _quiet(node):
            loud |= bit[node.id]
            continue
        if node.id not in unsaid or not node.needs or bit[node.needs[0]] & (loud | read):
            continue
        needs[node.id] = _last(plan, bit, above, above[node.id] & loud & ~read)
    return needs


def _union(bit: Mapping[str, int], above: Mapping[str, int], names: tuple[str, ...]) -> int:
    bits = 0
    for name in names:
        bits |= bit.get(name, 0) | above.get(name, 0)
    return bits


def _last(plan: Plan, bit: Mapping[str, int], above: Mapping[str, int], bits: int) -> tuple[str, ...]:
    """The last steps of a set: those that come before no other of it."""
    names: list[str] = []
    covered = 0
    while bits:
        at = bits.bit_length() - 1
        id_ = plan.nodes[at].id
        bits &= ~bit[id_]
        if not covered & bit[id_]:
            names.append(id_)
        covered |= above[id_]
    return tuple(reversed(names))


# ---------------------------------------------------------------- text


def lines(seen: PlanView) -> Iterator[Line]:
    """(sign, text) per line."""
    plan = seen.plan
    yield "", f"{plan.name}  ({plan.path})"
    yield "  ", f"stage {plan.stage} · reaches {seen.highest} at most · plan {seen.digest[:12]}"
    yield "  ", f"starts on {'; '.join(map(trigger_words, plan.triggers)) or 'nothing'}"
    if seen.watched:
        yield (
            "  ",
            f"by letters of {', '.join(seen.watched)} on a mail server: while that is new, each kind that leaves asks once",
        )
    for name, arg in (
        ("about", plan.subject),
        ("one at a time for", plan.concurrency),
        ("once for", plan.once),
    ):
        if arg is not None:
            yield "  ", f"{name} {words(arg)}"
    if plan.if_running != "wait":
        yield "  ", f"while another of the group runs: {plan.if_running}"
    if plan.if_failed != "stop":
        yield "  ", f"when a step fails: {plan.if_failed}"
    if plan.stop_on:
        yield "  ", f"stops on {', '.join(map(heard_words, plan.stop_on))}"
    wide = max((len(row.node.id) for row in seen.rows), default=0)
    uses = max((len(row.node.uses) for row in seen.rows), default=0)
    for row in seen.rows:
        yield f"  {row.sign} ", f"{row.node.id:<{wide}}  {row.node.uses:<{uses}}  {row.what}"
        for text in _notes(row):
            yield "      ", text
    for gate in seen.gates:
        name = "card" if gate.own else "gate"
        title = "" if gate.own else f" “{words(gate.title)}”"
        covers = ", ".join(gate.members)
        yield (
            "  ~ ",
            f"{name} {gate.id}{title} covers {covers}; no answer in {exact(gate.expires_after)} is a no",
        )


def _notes(row: PlanRow) -> Iterator[str]:
    node = row.node
    yield f"after {', '.join(_edge_words(edge) for edge in row.after)}" if row.after else "at once"
    if node.condition is not None:
        yield f"only if {node.condition.written.strip()}, else skipped"
    if node.foreach is not None:
        pause = f", one {exact(node.pause)} after the other" if node.pause is not None else ""
        yield f"for each of {words(node.foreach)}, {node.max_parallel} at a time{pause}"
    if node.repeat is not None:
        again, limit = exact(node.repeat.pause), node.repeat.at_most
        yield f"again after {again} until {node.repeat.until.written}, at most {limit} times, else it failed"
    if node.once is not None:
        yield f"once for {words(node.once)}"
    if node.subject is not None:
        yield f"about {words(node.subject)}"
    if node.expect:
        yield f"expects {', '.join(f'{name}: {words(arg)}' for name, arg in node.expect)}, else it failed"
    for name, arg in node.ask.defaults if node.ask is not None else ():
        yield f"{name} is {words(arg)} unless something else is said"
    if node.kind == "effect" and node.action is not None:
        reach = f" ({node.undo.highest_reach} at most)" if node.undo is not None else ""
        yield f"undo: {undo_words(node)}{reach}"
    if row.earlier is not None:
        when = "at once" if not row.earlier and not row.node.reads and not row.node.soft_reads else "sooner"
        yield f"could start {when} with `needs: [{', '.join(row.earlier)}]`: only file order holds it"


def _edge_words(edge: Edge) -> str:
    return {
        "needs": edge.step,
        "order": f"{edge.step} (file order)",
        "reads": f"{edge.step} (reads it)",
        "default": f"{edge.step} (reads it, or does without)",
    }[edge.because]
