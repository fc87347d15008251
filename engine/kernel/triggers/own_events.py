"""What the engine itself did, offered to playbooks like anything that arrives. A run never hears its own effects."""

from collections.abc import Callable

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.triggers import arrivals
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.triggers import EMITTED, OWN_EVENTS
from engine.model.errors import LedgerError, PermanentError
from engine.model.ports import Arrival
from engine.model.values import ids
from engine.model.values.canonical_json import Json

_SYSTEM: Labels = frozenset({Label.SYSTEM})
_ACCOUNT = "steward"


def publish_own_events(journal: LedgerWriter, deployment: Callable[[], Deployment]) -> bool:
    """Offer every effect that is an event and was not offered yet, oldest first; whether anything came of it.

    The effect is durable before and its offer after: a process that dies between them leaves the event to the next one.
    """
    worked = False
    for key, (run, step) in list(journal.book.emitted.items()):
        arrival = _arrival(journal, run, step, key)
        worked |= arrivals.receive(journal, deployment(), arrival, cause=run) != "left"
    return worked


def _arrival(journal: LedgerWriter, run: str, step: str, key: str) -> Arrival:
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
