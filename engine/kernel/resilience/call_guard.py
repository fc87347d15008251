"""Breakers and limits at work: what the end of a call says is written down, and what may not call now is delayed.

Everything is an event before anything follows from it, so the next process finds every breaker, limit and turn as they were.
"""

from itertools import islice

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience import circuit_breaker
from engine.model.events.connectors import (
    ENGINE,
    BreakerClosed,
    BreakerOpened,
    ConnectorAnswered,
    ConnectorFailed,
    ConnectorState,
    LimitReached,
    StepDelayed,
)
from engine.model.events.events import Body, Draft
from engine.model.rate_limited import retry_after
from engine.model.values.timestamps import later


def may_call(place: StepContext, action: str, *, until: str = "") -> bool:
    """Whether the step may call its connector now; else its turn comes by itself: delayed (`until` then at most), or when a call under
    way has ended.
    """
    journal, name = place.journal, circuit_breaker.connector_of(action)
    if journal.calling[name] >= circuit_breaker.AT_ONCE:
        journal.crowded.setdefault(name, {})[place.run.id, place.step] = None
        return False
    state = journal.book.connectors.get(name)
    if state is None:
        return True
    step_ref, step = (place.run.id, place.step), place.fresh().state
    if step.wait:
        return False
    queue = name in journal.book.delayed.values()
    why = circuit_breaker.blocked_reason(state, step_ref, step, queue=queue, now=journal.now())
    if why:
        journal.write(place.draft(StepDelayed(connector=name, because=why, until=until)), durable=False)
    return not why


def release_slots(journal: LedgerWriter) -> bool:
    """Let as many steps that found their connector crowded be tried again as there is room for; whether there were any."""
    moved = False
    for name, steps in list(journal.crowded.items()):
        for run, step in list(islice(steps, max(circuit_breaker.AT_ONCE - journal.calling[name], 0))):
            del steps[run, step]
            journal.touched.add(run)
            moved = True
        if not steps:
            del journal.crowded[name]
    return moved


def is_over_capacity(journal: LedgerWriter, run: str, step: str) -> bool:
    """Whether a step waits for a call of its connector to end."""
    return any((run, step) in steps for steps in journal.crowded.values())


def closed_to(journal: LedgerWriter, action: str) -> str:
    """Why a person's wish can't be carried out at once; empty when the connector may be called."""
    name = circuit_breaker.connector_of(action)
    state = journal.book.connectors.get(name)
    if state is None or not (state.open or journal.now() < state.resting):
        return ""
    condition = "doesn't answer" if state.open else "asked to wait"
    return f"{name} {condition} ({state.code}); try again after {circuit_breaker.earliest_call(state)[:16]}Z, or: steward resume --connector {name}"


def record_call_result(
    place: StepContext, name: str, error: BaseException | None, *, probe: bool = False
) -> None:
    """A call of a connector ended: write down what that changes, before its outcome."""
    journal = place.journal
    result = circuit_breaker.classify_result(error)
    if probe and error is not None and result != "busy":
        # Asked for nothing but a sign of life, a no is none.
        result = "down"
    known = journal.book.connectors.get(name)
    state = known or ConnectorState(name=name)
    bodies: list[Body] = []
    match result:
        case "answered" if known is not None and circuit_breaker.troubled(state):
            bodies = [_answered(state)]
        case "busy":
            bodies = _busy(journal, state, retry_after(error) or 0.0)
        case "down":
            code = str(getattr(error, "code", "")) or type(error).__name__
            bodies = _down(journal, state, code, (place.run.id, place.step), probe=probe)
        case _:
            pass
    if bodies:
        journal.write(*(place.draft(body) for body in bodies))


def _answered(state: ConnectorState) -> Body:
    if state.open:
        return BreakerClosed(
            connector=state.name, by=ENGINE, because=f"{state.probing or 'a call'} was answered"
        )
    return ConnectorAnswered(connector=state.name)


def _busy(journal: LedgerWriter, state: ConnectorState, asked_seconds: float) -> list[Body]:
    now = journal.now()
    # What left before the first of them was answered says the same thing again, not a second one.
    again = state.asked > 0 and now < state.resting
    times = state.asked if again else state.asked + 1
    until = later(now, circuit_breaker.rest(1 if again else times, asked_seconds, journal.house.chance()))
    if again and until <= state.resting:
        return []
    closed: list[Body] = [_answered(state)] if state.open else []
    return [*closed, LimitReached(connector=state.name, until=until, code="rate-limited", times=times)]


def _down(
    journal: LedgerWriter, state: ConnectorState, code: str, step_ref: tuple[str, str], *, probe: bool
) -> list[Body]:
    if state.open and not (probe or state.probe == step_ref):
        # It had left before the breaker opened.
        return []
    times = state.failures + 1
    failed: list[Body] = [ConnectorFailed(connector=state.name, code=code, times=times)]
    # It was open, and nothing it was asked to do was answered since.
    unproven = state.opened > 0
    # What only one step meets, however often it tries, says more of that step than of its connector.
    few = times < circuit_breaker.FAILURES or state.alone == step_ref
    if not state.open and not unproven and few:
        return failed
    opened = state.opened + 1
    until = later(journal.now(), circuit_breaker.pause(opened, journal.house.chance()))
    return [*failed, BreakerOpened(connector=state.name, until=until, code=code, times=opened)]


def reset(journal: LedgerWriter, name: str, by: str) -> Draft | None:
    """A person wants a connector called again, whatever held it back; None when nothing does."""
    state = journal.book.connectors.get(name)
    waits = name in journal.book.delayed.values()
    if state is None or not (waits or state.open or journal.now() < state.resting):
        return None
    return Draft(body=BreakerClosed(connector=name, by=by, because="reset"), actor=by)
