"""What the engine itself did, offered to playbooks like anything that arrives. A run never hears its own effects."""

from collections.abc import Callable

from engine.kernel import receiving
from engine.kernel.house import Deployment, Journal
from engine.model import ids
from engine.model.canonical import Json
from engine.model.errors import LedgerError, PermanentError
from engine.model.labels import Label, Labels
from engine.model.ports import Arrival
from engine.model.triggers import EMITTED, OWN_EVENTS

_SYSTEM: Labels = frozenset({Label.SYSTEM})
_ACCOUNT = "steward"


def announce(journal: Journal, deployment: Callable[[], Deployment]) -> bool:
    """Offer every effect that is an event and was not offered yet, oldest first; whether anything came of it.

    The effect is durable before and its offer after: a process that dies between them leaves the event to the next one.
    """
    worked = False
    for key, (run, step) in list(journal.book.emitted.items()):
        arrival = _arrival(journal, run, step, key)
        worked |= receiving.receive(journal, deployment(), arrival, cause=run) != "left"
    return worked


def _arrival(journal: Journal, run: str, step: str, key: str) -> Arrival:
    """The effect as an event: its outputs are the engine's own words, what it repeats of an argument keeps that argument's origins."""
    state = journal.book.runs[run].step(step)
    type_ = EMITTED[state.action]
    event: dict[str, Json] = {"type": type_}
    labels, ignored = _SYSTEM, ""
    try:
        effect, outputs = journal.effect(state), journal.value(state.outputs) or {}
        for field in OWN_EVENTS[type_].event.fields:
            if field.name not in outputs:
                labels |= effect.labels.get(field.name, _SYSTEM)
            event[field.name] = outputs.get(field.name, effect.args.get(field.name)) or ""
    except LedgerError:
        raise
    except PermanentError:
        # Whom it was about was erased meanwhile.
        ignored = "unreadable"
    return Arrival(
        kind="event",
        source=ids.source_id(journal.house.index_key, "event", _ACCOUNT, key),
        event=event,
        labels=labels,
        ignored=ignored,
        mark=key,
    )
