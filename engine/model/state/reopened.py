"""What did not get done: steps that wait for another try, and ended runs that go on after all, to take something back or to be tried again.

Pure; used by the fold.
"""

from dataclasses import replace
from typing import assert_never

from engine.model.definitions.plan import undo_of
from engine.model.events import outages as o
from engine.model.events.outages import RunRetried
from engine.model.health import StepReopened
from engine.model.state.state import CardState, RunState, State, StepState, StepStatus


def to_undo(run: RunState, step: str, by: str) -> RunState:
    """The undo begins anew: an earlier try certainly did nothing, and its revision is not used again."""
    old_undo = run.step(undo_of(step))
    steps = {
        step: replace(run.step(step), undo_failed=False),
        undo_of(step): StepState(revision=old_undo.revision, person=by),
    }
    return replace(run, undoing=(*run.undoing, step), reopened=True, steps={**run.steps, **steps})


def to_retry(run: RunState, body: RunRetried) -> RunState:
    """It waits for its turn as a new run does. What is kept stays as it ended; of everything else only the revision counts on, so that
    no key is used for other bytes.
    """
    steps = {
        id_: _to_compare_again(step) if id_ in body.kept else StepState(revision=step.revision)
        for id_, step in run.steps.items()
        if id_ in body.kept or step.revision
    }
    return replace(
        run, status="queued", reason="", ended="", outputs=None, output_labels=(), plan=body.plan, commit=body.commit,
        stage=body.stage, stopping="", undoing=(), dismissed=False, ended_by="", retries=run.retries + 1, steps=steps, gates={},
    )  # fmt: skip


def over(step: StepState, ts: str, *, late: bool) -> StepState:
    """It waits no more. `late`: its time ran out, and both moments are kept, should the clock have been wrong."""
    return replace(step, due=step.due if late else "", lapsed=ts if late else "")


def to_go_on(run: RunState, step: str, body: StepReopened) -> RunState:
    """What a wrong clock ended stands where it stood, and what came after it is still to come. A revision is not used again."""
    old, base = run.step(step), step.partition("#")[0]
    status: StepStatus = "asked" if body.ask else "calling" if old.child else "waiting"
    steps = dict(run.steps)
    for id_ in body.steps:
        old_step = run.step(id_)
        steps[id_] = StepState(revision=old_step.revision, subject=old_step.subject)
    if base != step:
        steps[base] = replace(run.step(base), status="fanned", outputs=None, code="", message=None)
    steps[step] = replace(
        old, status=status, due=body.until, ask=body.ask or old.ask, outputs=None, because="", code="", message=None,
        lapsed="",
    )  # fmt: skip
    anew = {run.step(id_).gate for id_ in body.steps}
    gates = {gate: verdict for gate, verdict in run.gates.items() if gate not in anew}
    return replace(
        run, steps=steps, gates=gates, status="running", reason="", ended="", outputs=None, output_labels=()
    )


def asked_again(book: State, card: CardState) -> None:
    """What an expiry ended goes on where it stood: its members wait at the new card, and what stood behind them is still to come."""
    run = book.runs[card.run]
    steps = dict(run.steps)
    for id_ in card.steps:
        steps[id_] = replace(
            run.step(id_), status="carded", card=card.id, due=card.expires, refused=False, because=""
        )
    revived = set(card.steps)
    behind = {id_: step for id_, step in steps.items() if step.status in {"cancelled", "skipped"}}
    while unblocked := {
        id_
        for id_, step in behind.items()
        if id_ not in revived and any(f"`{back}`" in step.because for back in revived)
    }:
        revived |= unblocked
        steps.update({id_: StepState() for id_ in unblocked})
    gates = {gate: verdict for gate, verdict in run.gates.items() if gate != card.gate}
    book.runs[run.id] = replace(run, steps=steps, gates=gates, status="running", reason="", ended="")
    book.open_runs[run.id] = None


def _to_compare_again(step: StepState) -> StepState:
    """An effect has its turn once more, to be compared with what it would be today; answers, and what a wait took, stay."""
    return replace(step, status="pending", card="", gate="") if step.done else step


def not_yet(step: StepState, ts: str, body: o.StepOutage) -> StepState:
    """A step that could not act yet."""
    match body:
        case o.EffectDeferred():
            return replace(
                step, status="deferred", due=body.due, until=body.until, tries=body.tries, code=body.code,
                message=body.message,
            )  # fmt: skip
        case o.EffectHurried():
            return replace(step, due=ts)
        case o.EffectSkipped():
            because = f"it could not leave in time: {body.code}"
            return replace(
                step, status="skipped", because=because, code=body.code, message=body.message, due=""
            )
        case o.EffectCarried():
            because = (
                f"done before; today {', '.join(body.differs)} would differ"
                if body.differs
                else "done before"
            )
            return replace(step, status="succeeded", because=because)
        case _:
            assert_never(body)
