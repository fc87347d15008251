"""What an arrival is compared by: triggers in clear (they are git's), what runs wait for as HMACs (it may name people)."""

import hmac
from hashlib import sha256

from engine.kernel.core.scope import Scope, walk
from engine.kernel.core.services import LedgerWriter
from engine.model.definitions.plan import Trigger, WaitFor
from engine.model.ports import Arrival
from engine.model.values.canonical_json import Json
from engine.model.values.paths import path_fits


def match_of(index_key: bytes, kind: str, name: str, value: Json) -> str:
    """What a waiting run stores and an arrival is compared by: an HMAC, so that no address or thread stands in an event."""
    return hmac.new(index_key, f"{kind}\0{name}\0{value}".encode(), sha256).hexdigest()


def trigger_matches(trigger: Trigger, arrival: Arrival) -> bool:
    """Whether a playbook's trigger listens to this arrival."""
    if trigger.kind != arrival.kind:
        return False
    params = dict(trigger.params)
    match trigger.kind:
        case "file":
            return path_fits(str(arrival.event.get("path")), str(params.get("path")))
        case "intent":
            minimum = params.get("at-least") or 0.0
            return arrival.event.get("intent") == params.get("name") and _sure(arrival) >= float(minimum)
        case "webhook":
            # Its secret proved who sent it, in the source; here it is a name and no field.
            return arrival.event.get("path") == params.get("path")
        case "event":
            fields = params.pop("match", None)
            params |= fields if isinstance(fields, dict) else {}
        case _:
            pass
    return all(arrival.event.get(name) == value for name, value in params.items())


def _sure(arrival: Arrival) -> float:
    confidence = arrival.event.get("confidence")
    return float(confidence) if isinstance(confidence, int | float) else 0.0


def subscribe(waits: tuple[WaitFor, ...], scope: Scope) -> dict[str, tuple[str, ...]]:
    """What is listened for, as an event stores it: names, kinds, and all fields that must match as HMACs."""
    index_key = scope.journal.house.index_key
    matches = []
    for wait in waits:
        parts = [
            f"{field}={match_of(index_key, wait.trigger, field, scope.evaluate(arg)[0])}"
            for field, arg in wait.match
        ]
        matches.append("&".join(parts))
    return {
        "names": tuple(wait.name for wait in waits),
        "kinds": tuple(wait.trigger for wait in waits),
        "matches": tuple(matches),
    }


def matching_wait(
    journal: LedgerWriter,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
    matches: tuple[str, ...],
    arrival: Arrival,
) -> str:
    """The first name whose kind and every field this arrival has; empty when there is none."""
    for name, kind, match in zip(names, kinds, matches, strict=True):
        if kind == arrival.kind and all(_equal(journal, arrival, part) for part in match.split("&") if part):
            return name
    return ""


def _equal(journal: LedgerWriter, arrival: Arrival, part: str) -> bool:
    field, _, expected = part.partition("=")
    # A letter's own `name` is what its author is called.
    event_field = "intent" if (arrival.kind, field) == ("intent", "name") else field
    value = walk(arrival.event, event_field)
    if value is None:
        return False
    digest = match_of(journal.house.index_key, arrival.kind, field, value)
    return hmac.compare_digest(digest, expected)
