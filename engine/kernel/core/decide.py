"""State to commands. Pure: no clock, no I/O, no values; a replay gives the same answer."""

from collections.abc import Iterator, Mapping

from engine.model import commands as c
from engine.model.definitions.plan import Node, Plan, undo_of, undone_by
from engine.model.state.state import ANSWERED, RunState, StepState
from engine.model.values.timestamps import later

_ABSENT = frozenset({"skipped", "cancelled", "failed"})


def decide(plan: Plan, run: RunState, *, now: str) -> list[c.Command]:
    """What to do next for a started run, in file order. `now` is a stamp. Empty when it waits or is over."""
    if run.status == "queued":
        return []
    asked = list(_undo_commands(plan, run, run.undoing[0], now=now)) if run.undoing else []
    if run.terminal:
        return asked
    closing, lost = _closing(plan, run), _lost(plan, run)
    commands = [*asked, *_cards(plan, run, now=now, closing=closing)]
    for node in plan.nodes:
        if node.id in lost and run.step(node.id).status == "pending" and not node.handles_failure:
            commands.append(c.Cancel(step=node.id, because=f"`{lost[node.id]}` failed"))
            continue
        commands += _step(plan, node, node.id, run, now=now, closing=closing)
        if run.step(node.id).status == "fanned":
            commands += _items(plan, node, run, now=now, closing=closing)
    if not commands and all(run.step(node.id).settled for node in plan.nodes):
        done = _to_take_back(plan, run)
        return list(_undo_commands(plan, run, done, now=now)) if done else [_end(plan, run)]
    return commands


def next_due(run: RunState, *, now: str) -> str:
    """The earliest stamp at which this run may go on by itself; empty when it can't."""
    timed = {"retrying", "waiting", "asked", "carded", "held", "cleared", "deferred"}
    steps = [step for step in run.steps.values() if not step.doubts]
    dues = (step.until if step.wait else step.due for step in steps if step.wait or step.status in timed)
    return min((due for due in (*dues, *_turns(run, now)) if due), default="")


def _turns(run: RunState, now: str) -> Iterator[str]:
    """When the next item or round of a step has its turn, where one waits for it."""
    for id_, step in run.steps.items():
        if step.due > now and any(run.step(f"{id_}#{key}").status in _TO_COME for key in step.keys):
            yield step.due


def next_try(run: RunState) -> str:
    """The earliest stamp at which something that could not leave is tried again; empty when nothing is."""
    return min(
        (step.due for step in run.steps.values() if step.status == "deferred" and not step.wait), default=""
    )


def broken_at(plan: Plan, run: RunState) -> str:
    """The step that makes a run fail: one that failed, or the `run/end` that says so; empty when there is none."""
    end = _ended_by(plan, run)
    return failed_step(plan, run) or (end.id if end is not None and end.end_as == "failed" else "")


def failed_step(plan: Plan, run: RunState) -> str:
    """The first step that failed and was not allowed to; empty when none did."""
    return next(
        (n.id for n in plan.nodes if run.step(n.id).status == "failed" and not n.continue_on_error), ""
    )


def item_ids(node: Node, step: StepState) -> tuple[str, ...]:
    """The step ids of a fanned-out step's items."""
    return tuple(f"{node.id}#{key}" for key in step.keys)


def _ended_by(plan: Plan, run: RunState) -> Node | None:
    return next((n for n in plan.nodes if n.kind == "end" and run.step(n.id).status == "succeeded"), None)


def _closing(plan: Plan, run: RunState) -> str:
    """Why nothing new is started, or empty. A failure stops what comes after it, and nothing else."""
    if run.stopping:
        return f"stopped by {run.stopping}"
    if node := _ended_by(plan, run):
        return f"`{node.id}` ended the run"
    return ""


def _step(plan: Plan, node: Node, id_: str, run: RunState, *, now: str, closing: str) -> Iterator[c.Command]:
    step = run.step(id_)
    if closing and not node.handles_failure and step.status in _WITHDRAWABLE:
        yield c.Cancel(step=id_, because=closing)
        return
    if step.wait:
        if step.until and now >= step.until:
            yield c.GiveUp(step=id_)
        return
    match step.status:
        case "pending":
            yield from _pending(plan, node, run, closing=closing)
        case "running":
            yield c.Begin(step=id_)
        case "retrying" if now >= step.due:
            yield c.Begin(step=id_)
        case "cleared" if now >= step.due:
            if order := _fellows_first(plan, node, id_, run):
                yield from order
            elif _fellows_wait(plan, node, run):
                pass
            elif node.undo_within is not None:
                yield c.Hold(step=id_, until=later(now, node.undo_within))
            else:
                yield c.Release(step=id_)
        case "held" | "deferred" if now >= step.due:
            yield c.Release(step=id_)
        case "intended":
            yield c.Recover(step=id_)
        case "waiting" if step.due and now >= step.due and not step.doubts:
            yield c.FireTimer(step=id_)
        case "asked" if now >= step.due:
            yield c.ExpireAsk(step=id_)
        case _:
            pass


def gate_peers(plan: Plan, node: Node) -> tuple[str, ...]:
    """Members of the same gate this node comes after: it is frozen beside them, and released behind them."""
    if node.gate is None:
        return ()
    return tuple(id_ for id_ in node.before if plan.node(id_).gate == node.gate)


def _fellows_first(plan: Plan, node: Node, id_: str, run: RunState) -> list[c.Command]:
    """A fellow that did not happen takes this step with it."""
    gone = [peer for peer in gate_peers(plan, node) if run.step(peer).status in {"failed", "cancelled"}]
    return (
        [c.Cancel(step=id_, because=f"behind `{gone[0]}`, which was {run.step(gone[0]).status}")]
        if gone
        else []
    )


def _fellows_wait(plan: Plan, node: Node, run: RunState) -> bool:
    return any(not run.step(peer).settled for peer in gate_peers(plan, node))


# What can still be taken back when a run closes. A step whose intent is written is left to finish.
_WITHDRAWABLE = frozenset(
    {"pending", "retrying", "waiting", "asked", "proposed", "gated", "cleared", "held", "deferred"}
)
# An item in one of these takes one of the `max-parallel` places.
_BUSY = frozenset({"running", "retrying", "intended", "calling"})


def _items(plan: Plan, node: Node, run: RunState, *, now: str, closing: str) -> Iterator[c.Command]:
    """The items of a fanned-out step: at most `max_parallel` at work. None reads another, so the failure of one stops no other."""
    base = run.step(node.id)
    ids = item_ids(node, base)
    states = {id_: run.step(id_) for id_ in ids}
    free = node.max_parallel - sum(state.status in _BUSY for state in states.values())
    turn = _turn(node, states)
    if turn > base.due and not closing:
        yield c.Pace(step=node.id, until=turn)
        return
    not_yet_due = now < base.due
    for id_, state in states.items():
        if not_yet_due and not closing and _has_to_wait(node, state):
            continue
        if state.status != "pending":
            yield from _step(plan, node, id_, run, now=now, closing=closing)
        elif closing and not node.handles_failure:
            yield c.Cancel(step=id_, because=closing)
        elif free > 0 and not state.wait:
            free -= 1
            yield c.Begin(step=id_)
    if all(state.settled for state in states.values()):
        yield c.Gather(step=node.id)


# Items that have not begun, or not left.
_TO_COME = frozenset({"pending", "running", "proposed", "gated", "carded", "cleared", "held", "deferred"})
_LEAVING = frozenset({"cleared", "held", "deferred"})


def _turn(node: Node, states: Mapping[str, StepState]) -> str:
    """When the next item of a step with a `pause` has its turn; empty where none is to come, or the first is."""
    acts = node.kind == "effect"
    come = _TO_COME if acts else {"pending"}
    if node.pause is None or not any(state.status in come for state in states.values()):
        return ""
    begun = max((state.begun for state in states.values() if state.intents or not acts), default="")
    return later(begun, node.pause) if begun else ""


def _has_to_wait(node: Node, state: StepState) -> bool:
    """Whether an item does nothing before its turn: what acts is shown at once, with the others, and only leaves later."""
    if node.kind != "effect" or node.repeat is not None:
        return state.status == "pending"
    # The time in which it can be withdrawn passes before its turn.
    to_hold = state.status == "cleared" and node.undo_within is not None
    return state.status in _LEAVING and not to_hold and not state.wait


def _pending(plan: Plan, node: Node, run: RunState, *, closing: str) -> Iterator[c.Command]:
    beside = gate_peers(plan, node)
    predecessors = {id_: run.step(id_) for id_ in node.before if id_ not in beside}
    if not all(
        run.step(id_).proposal or run.step(id_).settled or run.step(id_).status == "fanned" for id_ in beside
    ):
        return
    read = {*node.reads, *node.soft_reads}
    if not all(step.settled or (step.overtaken and id_ not in read) for id_, step in predecessors.items()):
        return
    if not all(_verdict_known(plan, run, gate) for gate in node.verdicts):
        return
    refused = [id_ for id_, step in predecessors.items() if step.refused and not _asks_about(plan, node, id_)]
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


def _asks_about(plan: Plan, node: Node, id_: str) -> bool:
    """Whether a step reads the verdict at the gate of another one."""
    return (plan.node(id_).gate or id_) in node.verdicts


def _lost(plan: Plan, run: RunState) -> dict[str, str]:
    """Steps that come after one that failed, however far behind it, and which one that was."""
    lost: dict[str, str] = {}
    broken = {n.id for n in plan.nodes if run.step(n.id).status == "failed" and not n.continue_on_error}
    # What a step comes after stands before it.
    for node in plan.nodes:
        for id_ in node.before:
            if id_ in broken or id_ in lost:
                lost[node.id] = lost.get(id_, id_)
                break
    return lost


def _verdict_known(plan: Plan, run: RunState, gate: str) -> bool:
    """Decided, or never to be: every member is settled without having asked."""
    return gate in run.gates or all(run.step(n.id).settled for n in plan.nodes if n.gate == gate)


def _cards(plan: Plan, run: RunState, *, now: str, closing: str) -> Iterator[c.Command]:
    asked: dict[str, list[str]] = {}
    open_cards: dict[str, StepState] = {}
    for id_ in _all_ids(plan, run):
        step = run.step(id_)
        if step.status == "gated":
            asked.setdefault(step.gate, []).append(id_)
        elif step.status == "carded":
            open_cards[step.card] = step
    for card, step in open_cards.items():
        if closing:
            yield c.CloseCard(card=card, because="run-ended")
        elif now >= step.due:
            yield c.ExpireCard(card=card)
    for gate, steps in asked.items():
        if not closing and all(_frozen(run.step(id_)) for id_ in _members(plan, run, gate, steps)):
            yield c.OpenCard(gate=gate, steps=tuple(steps))


def _all_ids(plan: Plan, run: RunState) -> Iterator[str]:
    for node in plan.nodes:
        yield node.id
        yield from item_ids(node, run.step(node.id))


def _members(plan: Plan, run: RunState, gate: str, asked: list[str]) -> list[str]:
    """The ids of every step, or item of a step, whose proposal the gate's card must wait for."""
    own = {id_.partition("#")[0] for id_ in asked}
    nodes = [node for node in plan.nodes if node.gate == gate or node.id in own]
    step_ids: list[str] = []
    for node in nodes:
        step = run.step(node.id)
        step_ids += item_ids(node, step) if step.status == "fanned" else [node.id]
    return step_ids


def _frozen(step: StepState) -> bool:
    return step.settled or step.status in {"gated", "cleared", "held", "deferred"}


def _to_take_back(plan: Plan, run: RunState) -> str:
    """`if-failed: undo`: the newest step whose effect is still to be taken back; empty when none is left."""
    if plan.if_failed != "undo" or not broken_at(plan, run):
        return ""
    for id_ in reversed(list(_all_ids(plan, run))):
        step = run.step(id_)
        if step.done and not step.undone and not step.undo_failed:
            return id_
    return ""


def _undo_commands(plan: Plan, run: RunState, id_: str, *, now: str) -> Iterator[c.Command]:
    """One finished effect: by its action's own undo, or by the step that the playbook names for it, whatever else the run does."""
    node, undo_step = plan.node(id_), undo_of(id_)
    state = run.step(undo_step)
    if run.step(id_).wait or state.wait:
        return
    if node.undo is None or state.settled:
        yield c.UndoStep(step=id_)
        return
    match state.status:
        case "pending":
            why = _not_computed(node, run.step(id_), run)
            yield c.Skip(step=undo_step, because=why) if why else c.Begin(step=undo_step)
        case "gated":
            yield c.OpenCard(gate=state.gate, steps=(undo_step,))
        case "carded" if now >= state.due:
            yield c.ExpireCard(card=state.card)
        case _:
            yield from _step(plan, node.undo, undo_step, run, now=now, closing="")


def _not_computed(node: Node, done: StepState, run: RunState) -> str:
    """Why an undo lacks what it reads; empty when it lacks nothing. The outputs of an effect that a person confirmed are unknown."""
    for read_id in node.undo.reads if node.undo is not None else ():
        if read_id == node.id and done.outputs is None:
            return f"what `{read_id}` gave is not known"
        if read_id != node.id and run.step(read_id).status in _ABSENT:
            return f"`{read_id}` was {run.step(read_id).status}"
    return ""


def _end(plan: Plan, run: RunState) -> c.End:
    if failed := failed_step(plan, run):
        return c.End(status="failed", reason=f"{failed}: {run.step(failed).code}")
    if run.stopping:
        return c.End(status="succeeded", reason=f"stopped by {run.stopping}")
    if node := _ended_by(plan, run):
        return c.End(status=node.end_as or "succeeded", reason=f"ended by {node.id}", by=node.id)
    for gate, verdict in run.gates.items():
        if undone_by(gate):
            continue
        if verdict in {"rejected", "expired"}:
            by_hand = any(step.gate == gate and step.because == ANSWERED for step in run.steps.values())
            return c.End(status="cancelled", reason=f"{gate}: {ANSWERED if by_hand else verdict}")
    for node in plan.nodes:
        if run.step(node.id).refused:
            return c.End(status="cancelled", reason=f"{node.id}: withdrawn")
    shadow = any(run.step(node.id).status == "previewed" for node in plan.nodes)
    return c.End(status="succeeded", reason="shadow" if shadow else "")
