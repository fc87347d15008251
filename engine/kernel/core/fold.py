"""Events to state. Pure; one match over the closed union, so a new event type fails type checking here."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from engine.model.events import events as e
from engine.model.events import outages as o
from engine.model.events.alarms import REGULAR, REMEMBERED
from engine.model.events.outages import RunRedrafted
from engine.model.events.owner import (
    NotebookAccepted,
    OwnerTaken,
    RequestDecided,
    StopLifted,
    StopSet,
    StrengthEnrolled,
)
from engine.model.events.readers import BudgetDecided, IntentResolved, ModelAnswered, ModelReserved
from engine.model.events.set_aside import AsideDismissed, AsideReturned, AsideTaken, WaitPostponed
from engine.model.health import CardReopened, ClockDoubted, ClockTrusted, HealthWaived, Mark, StepReopened
from engine.model.rate_limited import CODE
from engine.model.state import alarms, connector_queue, letters, reopened
from engine.model.state.budgets import Cost
from engine.model.state.redrafts import redrafted
from engine.model.state.state import (
    ANSWERED,
    NOTHING,
    TERMINAL,
    UNANSWERED,
    CardState,
    RunState,
    State,
    StepState,
)

OwnerBody = (
    OwnerTaken | StopSet | StopLifted | StrengthEnrolled | NotebookAccepted | HealthWaived | ClockDoubted | ClockTrusted
)  # fmt: skip


def fold(history: Iterable[e.Event], book: State | None = None) -> State:
    """Add `history` to `book` (a new one by default) and return it. Events must follow on those it has seen."""
    book = book if book is not None else State()
    for event in history:
        apply(book, event)
    return book


def apply(book: State, event: e.Event) -> None:
    """Add one event."""
    book.seq = event.seq
    body = event.body
    if not book.doubted and not isinstance(body, ClockDoubted):
        book.seen = event.ts
    if isinstance(body, connector_queue.LineBody):
        connector_queue.add(book, event, body)
        return
    if isinstance(body, letters.NoteBody):
        letters.add(book, event, body)
        return
    if isinstance(body, alarms.AlarmBody):
        alarms.add(book, event, body)
        return
    if isinstance(body, OwnerBody):
        _owned(book, event, body)
        return
    match body:
        case e.TriggerReceived():
            _trigger(book, event, body)
        case AsideTaken() | AsideDismissed() | AsideReturned():
            letters.aside(book, body)
        case (
            e.CardOpened()
            | e.CardApproved()
            | e.CardRejected()
            | e.CardSnoozed()
            | e.CardExpired()
            | e.CardClosed()
            | CardReopened()
        ):
            _card(book, event, body)
        case e.OnceClaimed():
            book.claims[body.claim] = (event.run, event.step)
        case ModelReserved() | ModelAnswered():
            aside, code = (
                (Decimal(body.aside), body.code) if isinstance(body, ModelAnswered) else (Decimal(0), "")
            )
            cost = Cost(
                at=event.ts, run=event.run, model=body.model, usd=Decimal(body.usd), aside=aside, code=code
            )
            book.costs.put(body.call, cost)
        case IntentResolved() | RequestDecided():
            pass
        case e.RunCreated():
            book.runs[event.run] = _created(event, body)
            book.open_runs[event.run] = None
        case _:
            _of_run(book, event, body)


def _of_run(book: State, event: e.Event, body: "RunBody") -> None:
    connector_queue.on_step_event(book, event)
    run = _run(book.runs[event.run], event, body)
    book.runs[run.id] = run
    _count(book, event, body)
    if isinstance(body, BudgetDecided):
        _budget(book, body)
    if isinstance(body, e.EffectSucceeded) and body.emits:
        book.emitted[body.key] = (event.run, event.step)
    if isinstance(body, e.EffectSucceeded | e.EffectFailed | e.EffectUnknown | o.EffectDeferred):
        alarms.noticed(book, event, body)
    if isinstance(body, e.RunEnded) and body.status == "failed" and not run.parent:
        book.failures[run.id] = event.ts
    # What the operator's own rules deny is no news.
    if isinstance(body, o.EffectSkipped) and not body.code.startswith("denied: "):
        book.omitted[run.id, event.step] = event.ts
    if run.status not in TERMINAL or run.undoing:
        book.open_runs[run.id] = None
    else:
        book.open_runs.pop(run.id, None)


def _owned(book: State, event: e.Event, body: OwnerBody) -> None:
    """Who owns the ledger, and what the operator said about all of it."""
    match body:
        case OwnerTaken():
            connector_queue.on_owner_change(book)
            if not book.doubted:
                book.clock = Mark(at=event.ts, boot=body.boot, up=body.up)
        case HealthWaived():
            book.waived.add(body.problem)
            book.proofs.add(body.proof)
        case ClockDoubted():
            book.doubted = body.seconds
        case ClockTrusted():
            book.doubted, book.seen = 0, event.ts
            book.clock = Mark(at=event.ts, boot=body.boot, up=body.up)
        case StopSet():
            book.stopped = True
        case StopLifted():
            book.stopped = False
            book.proofs.add(body.proof)
        case StrengthEnrolled():
            book.enrolled.add(body.method)
        case NotebookAccepted():
            book.notebooks[body.path] = body.digest
        case _:
            assert_never(body)


def _budget(book: State, body: BudgetDecided) -> None:
    if body.verdict == "more":
        book.costs.grant(body.scope, Decimal(body.usd))
    elif body.verdict == "without":
        book.costs.refused.add(body.scope)


_HOUR = len("2026-03-02T09")


def _trigger(book: State, event: e.Event, body: e.TriggerReceived) -> None:
    book.marks.add(body.mark)
    if body.schedule:
        book.schedules[body.playbook, body.schedule] = body.due
    book.emitted.pop(body.mark, None)
    book.sources.setdefault(body.source, event.run)
    if body.outcome == "started" and body.letter:
        letters.known(book, body.letter, event.run)
    if body.outcome == "started" and body.place:
        # One file may start a run of several playbooks.
        beside = (run for run in book.places.get(body.place, ()) if book.runs[run].source == body.source)
        book.places[body.place] = (*beside, event.run)
    if body.content:
        letters.put_aside(book, event, body)
    if body.reason:
        book.ignored[body.reason] = book.ignored.get(body.reason, 0) + 1
    elif body.kind in REGULAR and body.outcome in {"started", "offered"}:
        name = (body.kind, body.playbook)
        times = book.arrivals.get(name, ())
        # Arrivals within an hour count as one: a mailbox that is read twice a day is not a busy one.
        together = bool(times) and times[-1][:_HOUR] == event.ts[:_HOUR]
        book.arrivals[name] = (*(times[:-1] if together else times[1 - REMEMBERED :]), event.ts)


def _created(event: e.Event, body: e.RunCreated) -> RunState:
    return RunState(
        id=event.run,
        order=event.seq,
        playbook=body.playbook,
        plan=body.plan,
        commit=body.commit,
        stage=body.stage,
        trigger=body.trigger,
        source=body.source,
        created=event.ts,
        subject=event.subject,
        event=body.event,
        inputs=body.inputs,
        group=body.group,
        once=body.once,
        parent=body.parent,
        parent_step=body.parent_step,
        labels=body.labels,
        input_labels=body.given,
        depth=body.depth,
        project=body.project,
        origin=body.origin,
        caution=body.caution,
    )


StepBody = (
    e.StepStarted | e.StepSucceeded | e.StepSkipped | e.StepRetried | e.StepFailed | e.StepCancelled
    | e.CallStarted | e.StepFanned | e.StepPaced | e.WaitStarted | WaitPostponed | e.WaitEnded | e.HumanAsked | e.HumanAnswered | BudgetDecided | e.EffectProposed
    | e.EffectGated | e.EffectHeld | e.EffectWithdrawn | e.EffectIntended | e.EffectSucceeded | e.EffectFailed
    | e.EffectUnknown | e.EffectResolved | e.EffectPreviewed | e.EffectUndone | e.EffectKept
    | o.StepOutage
)  # fmt: skip
RunBody = (
    StepBody
    | StepReopened
    | e.RunStarted
    | e.RunStopped
    | e.RunEnded
    | RunRedrafted
    | e.UndoAsked
    | o.RunOutage
)
CardBody = (
    e.CardOpened
    | e.CardApproved
    | e.CardRejected
    | e.CardSnoozed
    | e.CardExpired
    | e.CardClosed
    | CardReopened
)


def _count(book: State, event: e.Event, body: RunBody) -> None:
    match body:
        case e.EffectIntended():
            step = book.runs[event.run].step(event.step)
            book.acts.begin(step.action, body.key, at=event.ts, proposal=step.proposal)
        case e.EffectFailed() | o.EffectDeferred():
            # What leaves later counts for the day on which it does.
            book.acts.drop(body.key)
        case e.EffectResolved(happened=False):
            book.acts.drop(body.key)
        case _:
            pass


def _run(run: RunState, event: e.Event, body: RunBody) -> RunState:
    match body:
        case e.RunStarted():
            return replace(
                run, status="running", stop_names=body.names, stop_kinds=body.kinds, stop_matches=body.matches
            )
        case e.RunStopped():
            return replace(run, stopping=body.by)
        case RunRedrafted():
            return redrafted(run, body)
        case e.RunEnded():
            return replace(
                run, status=body.status, reason=body.reason, ended=event.ts, outputs=body.outputs,
                output_labels=body.labels, ended_by=body.by,
            )  # fmt: skip
        case StepReopened():
            return reopened.to_go_on(run, event.step, body)
        case e.UndoAsked():
            return reopened.to_undo(run, event.step, body.by)
        case o.RunRetried():
            return reopened.to_retry(run, body)
        case o.RunDismissed() | o.RunRecalled():
            return replace(run, dismissed=isinstance(body, o.RunDismissed))
        case _:
            step = _step(run.step(event.step), event, body)
            run = replace(run, steps={**run.steps, event.step: step})
            if isinstance(body, e.EffectUndone | e.EffectKept):
                return replace(run, undoing=tuple(id_ for id_ in run.undoing if id_ != event.step))
            if isinstance(body, e.EffectWithdrawn) and step.gate:
                run = replace(run, gates={**run.gates, step.gate: "rejected"})
            return run


def _step(step: StepState, event: e.Event, body: StepBody) -> StepState:
    match body:
        case e.StepStarted():
            return replace(
                step, status="running", attempt=body.attempt, at=event.ts, begun=event.ts, due="", subject=event.subject,
                once=body.once or step.once,
            )  # fmt: skip
        case e.StepSucceeded():
            return replace(step, status="succeeded", outputs=body.outputs, labels=body.labels, seen=body.seen)
        case e.StepSkipped():
            return replace(step, status="skipped", because=body.because)
        case e.StepRetried():
            until, limited = step.until or body.until, step.rate_limited_attempts + (body.code == CODE)
            return replace(
                step, status="retrying", due=body.due, code=body.code, message=body.message, until=until, rate_limited_attempts=limited
            )  # fmt: skip
        case e.StepFailed():
            step = reopened.over(step, event.ts, late=body.code == UNANSWERED)
            return replace(step, status="failed", code=body.code, message=body.message)
        case e.StepCancelled():
            # "behind …" carries a refusal on to what stands behind a refused step.
            refused = step.refused or body.because.startswith("behind ")
            return replace(step, status="cancelled", because=body.because, refused=refused, due="", card="")
        case e.CallStarted():
            return replace(step, status="calling", child=body.child)
        case e.StepFanned():
            return replace(step, status="fanned", keys=body.keys, items=body.items, labels=body.labels)
        case e.StepPaced():
            return replace(step, due=body.until)
        case e.WaitStarted():
            return replace(
                step, status="waiting", due=body.until, names=body.names, kinds=body.kinds, matches=body.matches, since=event.ts,
            )  # fmt: skip
        case WaitPostponed():
            return replace(step, due=body.until, postponed=True)
        case e.WaitEnded():
            step = reopened.over(step, event.ts, late=body.got == NOTHING)
            return replace(
                step, status="succeeded", outputs=body.outputs, labels=body.labels, because=body.got
            )
        case e.HumanAsked():
            return replace(
                step,
                status="asked",
                ask=body.ask,
                person=body.who,
                question=body.question,
                due=body.until,
                scope=body.scope,
            )
        case BudgetDecided():
            return replace(step, status="running", due="", model_disabled=body.verdict == "without")
        case e.HumanAnswered():
            return replace(step, status="succeeded", outputs=body.outputs, labels=("operator",), due="")
        case o.EffectDeferred() | o.EffectHurried() | o.EffectSkipped() | o.EffectCarried():
            return reopened.not_yet(step, event.ts, body)
        case _:
            return _effect(step, event.ts, body)


EffectBody = (
    e.EffectProposed | e.EffectGated | e.EffectHeld | e.EffectWithdrawn | e.EffectIntended | e.EffectSucceeded
    | e.EffectFailed | e.EffectUnknown | e.EffectResolved | e.EffectPreviewed | e.EffectUndone | e.EffectKept
)  # fmt: skip


def _effect(step: StepState, ts: str, body: EffectBody) -> StepState:  # size: one match over the closed union
    match body:
        case e.EffectProposed():
            return replace(
                step, status="proposed", action=body.action, key=body.key, revision=body.revision, kind=body.kind, reach=body.reach,
                proposal=body.proposal, digest=body.digest, card="", due="", tries=0, until="",
            )  # fmt: skip
        case e.EffectGated():
            status = {"allow": "cleared", "ask": "gated"}.get(body.answer, "proposed")
            return replace(
                step, status=status, answer=body.answer, rule=body.rule, because=body.because, strength=body.strength,  # type: ignore[arg-type]  # the two words above
                gate=body.gate,
            )  # fmt: skip
        case e.EffectHeld():
            return replace(step, status="held", due=body.until)
        case e.EffectWithdrawn():
            return replace(step, status="cancelled", refused=True, because=body.because, due="")
        case e.EffectIntended():
            intents = step.intents + 1
            return replace(step, status="intended", intents=intents, window=body.window, due="", begun=ts)
        case e.EffectSucceeded():
            return replace(
                step,
                status="succeeded",
                done=True,
                outputs=body.outputs,
                labels=body.labels,
                provider=body.provider,
            )
        case e.EffectFailed(retry=""):
            return replace(step, status="failed", code=body.code, message=body.message)
        case e.EffectFailed():
            tries = step.tries + 1
            return replace(
                step, status="deferred", due=body.retry, code=body.code, message=body.message, tries=tries
            )
        case e.EffectUnknown():
            return replace(step, status="unknown", code=body.code, message=body.message)
        case e.EffectResolved():
            if body.happened:
                return replace(step, status="succeeded", done=True, because="seen by a person")
            return replace(step, status="failed", code="did-not-happen")
        case e.EffectPreviewed():
            return replace(step, status="previewed")
        case e.EffectUndone():
            return replace(step, undone=True)
        case e.EffectKept():
            return replace(step, undo_failed=True, code=body.code, message=body.message)
        case _:
            assert_never(body)


def _card(book: State, event: e.Event, body: CardBody) -> None:
    match body:
        case e.CardOpened():
            card = CardState(
                id=body.card,
                run=event.run,
                gate=body.gate,
                steps=body.steps,
                revisions=body.revisions,
                opened=event.ts,
                expires=body.expires,
                strength=body.strength,
                digest=body.digest,
                content=body.content,
                subject=event.subject,
                replaces=body.replaces,
            )
            _members(book, card, status="carded", card=card.id, due=body.expires)
        case e.CardApproved():
            card = _decided(book, body.card, event, "approved", body.by)
            if body.proof:
                book.proofs.add(body.proof)
            _verdict(book, card, "approved")
            _members(book, card, status="cleared", due="")
            _strike(book, card, body.struck)
            run = book.runs[card.run]
            if run.origin:
                book.vouched |= {
                    (run.origin, run.step(id_).action) for id_ in card.steps if id_ not in body.struck
                }
        case e.CardRejected():
            status, because = ("answered", ANSWERED) if body.answered else ("rejected", "rejected")
            card = _decided(book, body.card, event, status, body.by)
            _verdict(book, card, "rejected")
            _members(book, card, status="cancelled", refused=True, because=because, due="")
        case e.CardExpired():
            card = _decided(book, body.card, event, "expired", "")
            _verdict(book, card, "expired")
            _members(book, card, status="cancelled", refused=True, because="expired", due="")
        case e.CardSnoozed():
            card = replace(book.cards[body.card], snoozed=body.until)
        case CardReopened():
            card = replace(
                book.cards[body.replaces], id=body.card, content=body.content, replaces=body.replaces, status="open",
                opened=event.ts, snoozed="", decided="",
            )  # fmt: skip
            reopened.asked_again(book, card)
        case e.CardClosed():
            card = replace(_decided(book, body.card, event, "closed", ""), because=body.because)
            run = book.runs[card.run]
            left = {gate: verdict for gate, verdict in run.gates.items() if gate != card.gate}
            book.runs[run.id] = replace(run, gates=left)
            # What has begun to leave is past asking; only the others are asked about again.
            open_ = tuple(id_ for id_ in card.steps if run.step(id_).status in _ASKED)
            _members(book, replace(card, steps=open_), status="gated", card="", due="")
        case _:
            assert_never(body)
    book.cards[card.id] = card


_ASKED = frozenset({"carded", "cleared", "held", "deferred"})


def _decided(book: State, card: str, event: e.Event, status: str, by: str) -> CardState:
    return replace(book.cards[card], status=status, by=by, decided=event.ts)


def _members(book: State, of: CardState, /, **change: object) -> None:
    run = book.runs[of.run]
    steps = {id_: replace(run.step(id_), wait="", admitted=False, **change) for id_ in of.steps}  # type: ignore[arg-type]  # StepState's own fields
    for id_ in of.steps:
        book.delayed.pop((of.run, id_), None)
    book.runs[run.id] = replace(run, steps={**run.steps, **steps})


def _strike(book: State, card: CardState, struck: tuple[str, ...]) -> None:
    run = book.runs[card.run]
    out = {
        id_: replace(run.step(id_), status="cancelled", because="struck out", due="")
        for id_ in struck
        if id_ in card.steps
    }
    book.runs[run.id] = replace(run, steps={**run.steps, **out})


def _verdict(book: State, card: CardState, verdict: str) -> None:
    run = book.runs[card.run]
    book.runs[run.id] = replace(run, gates={**run.gates, card.gate: verdict})
