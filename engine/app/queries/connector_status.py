"""Which connectors are held back, in plain words, and what to type: for `status`, `doctor` and the brief. Reads the state alone."""

from collections import Counter
from dataclasses import dataclass

from engine.kernel.resilience import circuit_breaker
from engine.model.events import connectors as k
from engine.model.events.connectors import ConnectorState
from engine.model.events.events import Event
from engine.model.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldConnector:
    """A connector that is held back. `open`: its breaker is; else it asked to wait. `until` is a stamp, `waiting` counts steps."""

    name: str
    open: bool
    until: str
    waiting: int
    sentence: str
    way_out: str


def held_connectors(book: State, *, now: str) -> tuple[HeldConnector, ...]:
    """Every connector that may not be called freely at `now`, by name."""
    waiting = Counter(book.delayed.values())
    connectors = []
    for name, state in sorted(book.connectors.items()):
        if state.open or now < state.resting or waiting[name]:
            connectors.append(
                HeldConnector(
                    name=name,
                    open=state.open,
                    until=circuit_breaker.earliest_call(state),
                    waiting=waiting[name],
                    sentence=_sentence(state, waiting[name], now),
                    way_out=f"steward resume --connector {name}",
                )
            )
    return tuple(connectors)


def _sentence(state: ConnectorState, waiting: int, now: str) -> str:
    until = f"{circuit_breaker.earliest_call(state)[:16].replace('T', ' ')}Z"
    due = now >= circuit_breaker.earliest_call(state)
    if state.open and state.probing:
        predicate = f"does not answer ({state.code}) and is being tried"
    elif state.open and due:
        # Only a call that is not noticed outside is tried unasked, and only when a step waits.
        predicate = f"did not answer ({state.code}); since {until} it may be tried, by what nobody outside would notice"
    elif state.open:
        predicate = f"does not answer ({state.code}); nothing calls it before {until}"
    elif now < state.resting:
        predicate = f"asked to wait; nothing calls it before {until}"
    else:
        predicate = "is called by one step after the other"
    steps = (
        f", {waiting} step{'s' if waiting > 1 else ''} wait{'' if waiting > 1 else 's'}" if waiting else ""
    )
    return f"{state.name} {predicate}{steps}"


def sentence(event: Event) -> str:
    """An event of a connector in plain words; empty for any other."""
    match event.body:
        case k.ConnectorFailed(connector=name, code=code, times=times):
            return f"{name} did not answer properly: {code}, {times} in a row"
        case k.ConnectorAnswered(connector=name):
            return f"{name} answers again"
        case k.LimitReached(connector=name, until=until):
            return f"{name} asked to wait; nothing calls it before {until[:19]}Z"
        case k.BreakerOpened(connector=name, until=until, code=code):
            return f"{name} is not called before {until[:19]}Z: {code}"
        case k.ConnectorHurried(connector=name, by=by):
            return f"{name} is to be tried now, says {by}"
        case k.BreakerProbed(connector=name, how=how):
            return f"{name} is tried: {how}"
        case k.BreakerClosed(connector=name, by=by, because=because):
            return f"{name} is called again: {because}" + ("" if by == k.ENGINE else f" by {by}")
        case k.StepDelayed(connector=""):
            return f"`{event.step}` is held: no effect leaves (steward doctor)"
        case k.StepAdmitted(connector=""):
            return f"`{event.step}` may go on"
        case k.StepDelayed(connector=name, because=because):
            return f"`{event.step}` waits for {name} ({because})"
        case k.StepAdmitted(connector=name):
            return f"`{event.step}` may call {name} now"
        case _:
            return ""
