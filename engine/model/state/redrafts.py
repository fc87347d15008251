"""A draft that is made again: which steps run anew, and what of them stays."""

from collections.abc import Iterator
from dataclasses import replace

from engine.model.definitions.actions import EffectClass, Reach
from engine.model.definitions.plan import Plan
from engine.model.events.outages import RunRedrafted
from engine.model.state.state import RunState, StepState


def redrafted(run: RunState, body: RunRedrafted) -> RunState:
    """The run after it. A proposal keeps the number of its revision: the next one has another key."""
    steps = {id_: step for id_, step in run.steps.items() if id_ not in body.steps}
    for id_ in body.steps:
        old = run.step(id_)
        if old.revision:
            steps[id_] = StepState(revision=old.revision, subject=old.subject)
    return replace(run, plan=body.plan, commit=body.commit, steps=steps)


def sources(plan: Plan, steps: tuple[str, ...]) -> set[str]:
    """The steps whose outputs these read, directly or through others."""
    source_steps: set[str] = set()
    ahead = [step.partition("#")[0] for step in steps]
    while ahead:
        node = plan.node(ahead.pop())
        new = {*node.reads, *node.soft_reads} - source_steps
        source_steps |= new
        ahead += new
    return source_steps


def again(plan: Plan, run: RunState, members: tuple[str, ...]) -> tuple[str, ...]:
    """The steps done anew for a card with these members: the members, the reads behind them, and files and links that were not sent yet."""
    redone = [
        id_
        for id_ in run.steps
        if id_.partition("#")[0] in sources(plan, members) and _harmless(plan, run, id_)
    ]
    return (*redone, *members)


def _harmless(plan: Plan, run: RunState, id_: str) -> bool:
    node, step = plan.node(id_), run.step(id_)
    if not step.settled and step.status != "fanned":
        return False
    if node.kind == "effect":
        return not step.kind or (step.reach == Reach.INTERNAL and step.kind != EffectClass.OPAQUE)
    return node.kind in {"call", "find"}


def misfit(old: Plan, new: Plan, run: RunState) -> str:
    """A step that has begun and is another one in the other plan; empty when the run can go on with it."""
    for id_ in run.steps:
        base = id_.partition("#")[0].partition("~")[0]
        if base not in set(_ids(new)) or _shape(old, base) != _shape(new, base):
            return base
    return ""


def _ids(plan: Plan) -> Iterator[str]:
    return (node.id for node in plan.nodes)


def _shape(plan: Plan, id_: str) -> tuple[object, ...]:
    node = plan.node(id_)
    return (node.kind, node.uses, node.gate, node.foreach is None)
