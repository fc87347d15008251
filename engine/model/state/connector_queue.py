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
            step_ref = (event.run, event.step)
            alone = step_ref if body.times == 1 or state.alone == step_ref else ("", "")
            state = replace(state, failures=body.times, code=body.code, alone=alone)
        case ConnectorAnswered():
            state = replace(state, failures=0, asked=0, opened=0, proved=True)
        case LimitReached():
            state = replace(
                state, asked=body.times, code=body.code, resting=body.until, next=body.until, admitted_count=0, proved=False
            )  # fmt: skip
        case BreakerOpened():
            state = replace(
                state, open=True, until=body.until, opened=body.times, code=body.code, probing="", probe=("", "")
            )  # fmt: skip
            _wait_for(book, body.connector, "breaker")
        case ConnectorHurried():
            state = replace(state, until=event.ts if state.open else state.until)
        case BreakerProbed():
            step_ref = (event.run, event.step)
            state = replace(state, probing=body.how, probed=event.ts, probe=step_ref, tried=step_ref)
            if body.how in {"read", "effect"}:
                _step(book, step_ref, wait="", admitted=True)
                book.delayed.pop(step_ref, None)
        case BreakerClosed():
            # An answer to a probe does not prove that calls succeed: after it, or a person's reset, the next failure opens it again.
            proven = body.by == ENGINE and state.probing in {"read", "effect"}
            state = replace(
                state, open=False, until="", failures=0, probing="", probe=("", ""), asked=0, resting="", next=event.ts, admitted_count=0,
                last_admitted=("", ""), proved=proven, opened=0 if proven else state.opened,
            )  # fmt: skip
            _wait_for(book, body.connector, "limit")
        case _:
            assert_never(body)
    book.connectors[body.connector] = state


def _delayed(book: State, event: e.Event, body: StepDelayed | StepAdmitted) -> None:
    step_ref = (event.run, event.step)
    match body:
        case StepDelayed():
            until = book.runs[event.run].step(event.step).until or body.until
            _step(book, step_ref, wait=body.because, admitted=False, until=until)
            book.delayed.setdefault(step_ref, body.connector)
        case StepAdmitted():
            _step(book, step_ref, wait="", admitted=bool(body.connector))
            book.delayed.pop(step_ref, None)
            if not body.connector:
                return
            state = book.connectors[body.connector]
            book.connectors[body.connector] = replace(
                state, next=body.next, admitted_count=state.admitted_count + 1, last_admitted=step_ref
            )
        case _:
            assert_never(body)


def on_step_event(book: State, event: e.Event) -> None:
    """Something else happened to a step: it waits no more, its turn is used, and a probe that was it is over unless it only begins."""
    step_ref = (event.run, event.step)
    step = book.runs[event.run].step(event.step)
    if step.wait or (step.admitted and not isinstance(event.body, e.StepStarted)):
        _step(book, step_ref, wait="", admitted=False)
        book.delayed.pop(step_ref, None)
    if isinstance(event.body, e.StepStarted | e.EffectIntended):
        return
    for name, state in book.connectors.items():
        if state.probing and state.probe == step_ref:
            book.connectors[name] = replace(state, probing="", probe=("", ""))


def on_owner_change(book: State) -> None:
    """A probe that was under way died with its process; what was let through and not used keeps its turn."""
    for name, state in book.connectors.items():
        if state.probing:
            book.connectors[name] = replace(state, probing="", probe=("", ""))


def _wait_for(book: State, connector: str, because: str) -> None:
    for step_ref, name in book.delayed.items():
        if name == connector:
            _step(book, step_ref, wait=because)


def _step(book: State, step_ref: tuple[str, str], /, **change: object) -> None:
    run = book.runs[step_ref[0]]
    step = replace(run.step(step_ref[1]), **change)  # type: ignore[arg-type]  # StepState's own fields
    book.runs[run.id] = replace(run, steps={**run.steps, step_ref[1]: step})
