"""State to commands. Pure: no clock, no I/O, no values; a replay gives the same answer."""

from collections.abc import Iterator

from engine.model import commands as c
from engine.model.plan import Node, Plan
from engine.model.state import RunState, StepState
from engine.model.times import later

_ABSENT = frozenset({"skipped", "cancelled", "failed"})


def decide(plan: Plan, run: RunState, *, now: str) -> list[c.Command]:
    """What to do next for a started run, in file order. `now` is a stamp. Empty when it waits or is over."""
    if run.terminal or run.status == "queued":
        return []
    closing = _closing(plan, run)
    found = list(_cards(plan, run, now=now, closing=closing))
    for node in plan.nodes:
        found += _step(plan, node, run, now=now, closing=closing)
    if not found and all(run.step(node.id).settled for node in plan.nodes):
        return [_end(plan, run)]
    return found


def next_due(run: RunState) -> str:
    """The earliest stamp at which this run may go on by itself; empty when it can't."""
    timed = {"retrying", "waiting", "asked", "carded", "held", "cleared"}
    return min((s.due for s in run.steps.values() if s.due and s.status in timed), default="")


def failed_step(plan: Plan, run: RunState) -> str:
    """The first step that failed and was not allowed to; empty when none did."""
    return next(
        (n.id for n in plan.nodes if run.step(n.id).status == "failed" and not n.continue_on_error), ""
    )


def _ended_by(plan: Plan, run: RunState) -> Node | None:
    return next((n for n in plan.nodes if n.kind == "end" and run.step(n.id).status == "succeeded"), None)


def _closing(plan: Plan, run: RunState) -> str:
    """Why nothing new is started, or empty."""
    if failed := failed_step(plan, run):
        return f"`{failed}` failed"
    if node := _ended_by(plan, run):
        return f"`{node.id}` ended the run"
    return ""


def _step(plan: Plan, node: Node, run: RunState, *, now: str, closing: str) -> Iterator[c.Command]:
    step = run.step(node.id)
    if closing and not node.handles_failure and step.status in _WITHDRAWABLE:
        yield c.Cancel(step=node.id, because=closing)
        return
    match step.status:
        case "pending":
            yield from _pending(plan, node, run, closing=closing)
        case "running":
            yield c.Begin(step=node.id)
        case "retrying" if now >= step.due:
            yield c.Begin(step=node.id)
        case "cleared" if now >= step.due:
            if node.undo_within is not None and not step.held and step.intents == 0:
                yield c.Hold(step=node.id, until=later(now, node.undo_within))
            else:
                yield c.Release(step=node.id)
        case "held" if now >= step.due:
            yield c.Release(step=node.id)
        case "intended":
            yield c.Recover(step=node.id)
        case "waiting" if step.due and now >= step.due:
            yield c.FireTimer(step=node.id)
        case "asked" if step.due and now >= step.due:
            yield c.ExpireAsk(step=node.id)
        case _:
            pass


# What can still be taken back when a run closes. A step whose intent is written is left to finish.
_WITHDRAWABLE = frozenset({"pending", "retrying", "waiting", "asked", "proposed", "gated", "cleared", "held"})


def _pending(plan: Plan, node: Node, run: RunState, *, closing: str) -> Iterator[c.Command]:
    before = {id_: run.step(id_) for id_ in node.before}
    if not all(step.settled for step in before.values()):
        return
    if not all(_verdict_known(plan, run, gate) for gate in node.verdicts):
        return
    refused = [id_ for id_, step in before.items() if step.refused and step.gate not in node.verdicts]
    if refused and not closing:
        yield c.Cancel(step=node.id, because=f"behind `{refused[0]}`, which was refused")
        return
    for id_ in node.reads:
        if run.step(id_).status in _ABSENT:
            yield c.Skip(step=node.id, because=f"`{id_}` was {run.step(id_).status}")
            return
        if run.step(id_).status == "previewed":
            yield c.Skip(step=node.id, because=f"`{id_}` was only previewed (shadow)")
            return
    yield c.Begin(step=node.id)


def _verdict_known(plan: Plan, run: RunState, gate: str) -> bool:
    """Decided, or never to be: every member is settled without having asked."""
    return gate in run.gates or all(run.step(n.id).settled for n in plan.nodes if n.gate == gate)


def _cards(plan: Plan, run: RunState, *, now: str, closing: str) -> Iterator[c.Command]:
    asked: dict[str, list[str]] = {}
    open_cards: dict[str, StepState] = {}
    for node in plan.nodes:
        step = run.step(node.id)
        if step.status == "gated":
            asked.setdefault(step.gate, []).append(node.id)
        elif step.status == "carded":
            open_cards[step.card] = step
    for card, step in open_cards.items():
        if closing:
            yield c.CloseCard(card=card, because="run-ended")
        elif now >= step.due:
            yield c.ExpireCard(card=card)
    for gate, steps in asked.items():
        members = [n.id for n in plan.nodes if n.gate == gate] or steps
        frozen = all(run.step(m).settled or run.step(m).status in {"gated", "cleared"} for m in members)
        if frozen and not closing:
            yield c.OpenCard(gate=gate, steps=tuple(steps))


def _end(plan: Plan, run: RunState) -> c.End:
    if failed := failed_step(plan, run):
        return c.End(status="failed", reason=f"{failed}: {run.step(failed).code}")
    if node := _ended_by(plan, run):
        return c.End(status=node.end_as or "succeeded", reason=f"ended by {node.id}")
    for gate, verdict in run.gates.items():
        if verdict in {"rejected", "expired"}:
            return c.End(status="cancelled", reason=f"{gate}: {verdict}")
    for node in plan.nodes:
        if run.step(node.id).refused:
            return c.End(status="cancelled", reason=f"{node.id}: withdrawn")
    shadow = any(run.step(node.id).status == "previewed" for node in plan.nodes)
    return c.End(status="succeeded", reason="shadow" if shadow else "")
