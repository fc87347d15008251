"""What the events of connectors add up to: how each fares, and which steps wait in line for it. Pure; used by the fold."""

from dataclasses import replace
from typing import assert_never

from engine.model.events import events as e
from engine.model.events.connectors import (
    ENGINE,
    BreakerClosed,
    BreakerOpened,
    BreakerProbed,
    ConnectorAnswered,
    ConnectorFailed,
    ConnectorHurried,
    ConnectorState,
    LimitReached,
    StepAdmitted,
    StepDelayed,
)
from engine.model.state.state import State

ConnectorBody = (
    ConnectorFailed
    | ConnectorAnswered
    | LimitReached
    | BreakerOpened
    | BreakerProbed
    | BreakerClosed
    | ConnectorHurried
)


LineBody = ConnectorBody | StepDelayed | StepAdmitted


def add(book: State, event: e.Event, body: LineBody) -> None:
    """Add what happened to a connector, or to the line before it."""
    if isinstance(body, StepDelayed | StepAdmitted):
        _delayed(book, event, body)
    else:
        _connected(book, event, body)


def _connected(book: State, event: e.Event, body: ConnectorBody) -> None:
    state = book.connectors.get(body.connector) or ConnectorState(name=body.connector)
    match body:
        case ConnectorFailed():
            where = (event.run, event.step)
            alone = where if body.times == 1 or state.alone == where else ("", "")
            state = replace(state, failures=body.times, code=body.code, alone=alone)
        case ConnectorAnswered():
            state = replace(state, failures=0, asked=0, opened=0, proved=True)
        case LimitReached():
            state = replace(
                state, asked=body.times, code=body.code, resting=body.until, next=body.until, let=0, proved=False
            )  # fmt: skip
        case BreakerOpened():
            state = replace(
                state, open=True, until=body.until, opened=body.times, code=body.code, probing="", probe=("", "")
            )  # fmt: skip
            _wait_for(book, body.connector, "breaker")
        case ConnectorHurried():
            state = replace(state, until=event.ts if state.open else state.until)
        case BreakerProbed():
            where = (event.run, event.step)
            state = replace(state, probing=body.how, probed=event.ts, probe=where, tried=where)
            if body.how in {"read", "effect"}:
                _step(book, where, wait="", admitted=True)
                book.delayed.pop(where, None)
        case BreakerClosed():
            # That somebody answers is not yet that calls succeed: after a question or a word of a person the next failure opens it again.
            proven = body.by == ENGINE and state.probing in {"read", "effect"}
            state = replace(
                state, open=False, until="", failures=0, probing="", probe=("", ""), asked=0, resting="", next=event.ts, let=0,
                trial=("", ""), proved=proven, opened=0 if proven else state.opened,
            )  # fmt: skip
            _wait_for(book, body.connector, "limit")
        case _:
            assert_never(body)
    book.connectors[body.connector] = state


def _delayed(book: State, event: e.Event, body: StepDelayed | StepAdmitted) -> None:
    where = (event.run, event.step)
    match body:
        case StepDelayed():
            until = book.runs[event.run].step(event.step).until or body.until
            _step(book, where, wait=body.because, admitted=False, until=until)
            book.delayed.setdefault(where, body.connector)
        case StepAdmitted():
            _step(book, where, wait="", admitted=bool(body.connector))
            book.delayed.pop(where, None)
            if not body.connector:
                return
            state = book.connectors[body.connector]
            book.connectors[body.connector] = replace(state, next=body.next, let=state.let + 1, trial=where)
        case _:
            assert_never(body)


def on_step_event(book: State, event: e.Event) -> None:
    """Something else happened to a step: it waits no more, its turn is used, and a probe that was it is over unless it only begins."""
    where = (event.run, event.step)
    step = book.runs[event.run].step(event.step)
    if step.wait or (step.admitted and not isinstance(event.body, e.StepStarted)):
        _step(book, where, wait="", admitted=False)
        book.delayed.pop(where, None)
    if isinstance(event.body, e.StepStarted | e.EffectIntended):
        return
    for name, state in book.connectors.items():
        if state.probing and state.probe == where:
            book.connectors[name] = replace(state, probing="", probe=("", ""))


def on_owner_change(book: State) -> None:
    """A probe that was under way died with its process; what was let through and not used keeps its turn."""
    for name, state in book.connectors.items():
        if state.probing:
            book.connectors[name] = replace(state, probing="", probe=("", ""))


def _wait_for(book: State, connector: str, because: str) -> None:
    for where, name in book.delayed.items():
        if name == connector:
            _step(book, where, wait=because)


def _step(book: State, where: tuple[str, str], /, **change: object) -> None:
    run = book.runs[where[0]]
    step = replace(run.step(where[1]), **change)  # type: ignore[arg-type]  # StepState's own fields
    book.runs[run.id] = replace(run, steps={**run.steps, where[1]: step})
