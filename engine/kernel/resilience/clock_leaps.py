"""What ended by a clock that was ahead, and goes on when it is back: cards and questions under new ids, waits, and the calls they stand in.

Only where nothing came of it that others have seen: what left because a wait was over has left, and stays as it is.
"""

from collections.abc import Iterator

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.model.definitions.actions import EffectClass, Reach
from engine.model.definitions.plan import Plan
from engine.model.events.events import CardClosed, Draft
from engine.model.health import CardReopened, StepReopened
from engine.model.state.state import RunState, StepState
from engine.model.values import ids


def reopened(journal: LedgerWriter) -> list[Draft]:
    """Everything that ended at a moment which, as the clock stands now, is still to come."""
    drafts: list[Draft] = []
    anew: set[tuple[str, str]] = set()
    for run in list(journal.book.runs.values()):
        for id_ in _in_order(journal, run):
            on = () if (run.id, id_) in anew else _going_on(journal, run, id_)
            drafts += on
            anew |= {
                (draft.run, step)
                for draft in on
                if isinstance(draft.body, StepReopened)
                for step in draft.body.steps
            }
    return [*drafts, *_cards(journal, anew)]


def _in_order(journal: LedgerWriter, run: RunState) -> list[str]:
    """The steps of a run whose time ran out too early, in plan order: what depends on the first begins anew anyway."""
    now = journal.now()
    late = [id_ for id_, step in run.steps.items() if now < step.lapsed and now < step.due]
    order = {node.id: at for at, node in enumerate(journal.plan(run).nodes)} if late else {}
    return sorted(late, key=lambda id_: (order.get(id_.partition("#")[0], len(order)), id_))


def _cards(journal: LedgerWriter, anew: set[tuple[str, str]]) -> Iterator[Draft]:
    """Expired cards, but for those of steps that begin anew: each is asked again under an id of its own."""
    now = journal.now()
    replaced = {card.replaces for card in journal.book.cards.values()}
    for card in journal.book.cards.values():
        run = journal.book.runs[card.run]
        ended = run.terminal and run.reason != f"{card.gate}: expired"
        premature = card.status == "expired" and now < card.decided and now < card.expires
        if (
            not premature
            or ended
            or card.id in replaced
            or any((run.id, step) in anew for step in card.steps)
        ):
            continue
        id_ = ids.card_id(ids.RunId(card.run), card.gate, f"{card.id} again")
        content = journal.seal({**journal.value(card.content), "card": id_}, card.subject)
        body = CardReopened(
            card=id_, replaces=card.id, content=content, gate=card.gate, steps=card.steps, revisions=card.revisions,
            expires=card.expires,
            strength=card.strength, digest=card.digest,
        )  # fmt: skip
        yield from _callers(journal, run) or ()
        yield Draft(body=body, run=card.run, subject=card.subject)


def _going_on(journal: LedgerWriter, run: RunState, id_: str) -> tuple[Draft, ...]:
    """What lets a step go on that ended too early, in its run and in those that called it; nothing where something came of it."""
    cleared, callers = _cleared(journal, run, id_), _callers(journal, run)
    if cleared is None or callers is None:
        return ()
    place = StepContext.of(journal, run.id, id_)
    step = place.state
    again = ids.card_id(ids.RunId(run.id), id_, f"{step.ask} again") if step.ask else ""
    closed, behind = cleared
    body = StepReopened(until=step.due, ask=again, replaces=step.ask, steps=behind)
    return (*callers, *closed, place.draft(body))


def _callers(journal: LedgerWriter, run: RunState) -> tuple[Draft, ...] | None:
    """The runs that called this one and went on, or ended, with its end: they wait for it again. None where something came of it."""
    if not run.terminal or not run.parent:
        return ()
    parent = journal.book.runs[run.parent]
    place = StepContext.of(journal, parent.id, run.parent_step)
    if place.state.status == "calling":
        return ()
    cleared, above = _cleared(journal, parent, run.parent_step), _callers(journal, parent)
    if cleared is None or above is None:
        return None
    closed, behind = cleared
    return (*above, *closed, place.draft(StepReopened(steps=behind)))


def _cleared(journal: LedgerWriter, run: RunState, id_: str) -> tuple[list[Draft], tuple[str, ...]] | None:
    """The cards to close and the steps to begin anew behind a step; None where one of them can't, or the run is past it."""
    if run.stopping or run.undoing or run.dismissed or any(step.undone for step in run.steps.values()):
        return None
    successors = _successors(journal.plan(run), id_.partition("#")[0])
    behind = tuple(step_id for step_id in run.steps if step_id.partition("#")[0] in successors)
    if any(_acted(run.step(step_id)) for step_id in behind):
        return None
    shown = [
        card
        for card in journal.book.cards.values()
        if card.run == run.id and card.status == "open" and {*card.steps} & {*behind}
    ]
    closed = [
        Draft(body=CardClosed(card=card.id, because="superseded"), run=run.id, subject=card.subject)
        for card in shown
    ]
    return closed, behind


def _successors(plan: Plan, base: str) -> set[str]:
    """The steps that depend on this one, directly or through others."""
    reached: set[str] = set()
    # The plan's nodes are in order: predecessors come first.
    for node in plan.nodes:
        if {base, *reached} & {*node.before, *node.reads, *node.soft_reads}:
            reached.add(node.id)
    return reached


def _acted(step: StepState) -> bool:
    """Whether something came of a step that is not only ours: it is under way, or others may have seen it."""
    if step.status in {"running", "intended", "unknown"} or step.child:
        return True
    private = step.reach == Reach.INTERNAL and step.kind != EffectClass.OPAQUE
    return (step.done or step.intents > 0) and not private
