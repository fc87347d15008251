"""Why an effect happened, link by link, from the ledger alone: who asked, by which rules, what a person saw, what left."""

from dataclasses import dataclass
from typing import Any, Protocol

from engine.ledger import Ledger
from engine.model.values.canonical_json import Json
from engine.observe.history import body_of
from engine.observe.why_links import LINKS, EffectFacts, Events, Link

__all__ = ["LINKS", "Chain", "EventSource", "Link", "Why"]


class EventSource(Protocol):
    """A history, as far as it is needed here."""

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """The rows of a fixed query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The links of one effect, `key`; `action` is what it did, `run` and `step` where."""

    key: str
    action: str
    run: str
    step: str
    links: tuple[Link, ...]

    @property
    def holes(self) -> tuple[str, ...]:
        """What is missing; empty when the chain resolves completely."""
        return tuple(f"{link.name}: {link.hole}" for link in self.links if link.hole)


class Why:
    """Tells chains. `anchored` is the seq up to which the head is anchored outside the ledger."""

    def __init__(self, past: EventSource, ledger: Ledger, *, anchored: int) -> None:
        self._past, self._ledger, self._anchored = past, ledger, anchored

    def run(self, run: str) -> tuple[Chain, ...]:
        """The chain of every effect of a run, in the order of their proposals; of each key once."""
        return self._chains("SELECT * FROM effects WHERE run = ? ORDER BY seq", run)

    def subject(self, subject: str) -> tuple[Chain, ...]:
        """The chain of every effect about a subject."""
        return self._chains("SELECT * FROM effects WHERE subject = ? ORDER BY seq", subject)

    def effect(self, key: str) -> Chain | None:
        """The chain of one effect by its key; None when there is none of that key."""
        chains = self._chains("SELECT * FROM effects WHERE key = ? ORDER BY seq DESC LIMIT 1", key)
        return chains[0] if chains else None

    def _chains(self, sql: str, value: str) -> tuple[Chain, ...]:
        rows = self._past.rows(sql, value)
        events = {run: self._events(run) for run in dict.fromkeys(row["run"] for row in rows)}
        first = {run: self._first(run_events) for run, run_events in events.items()}
        return tuple(self._chain(row, events[row["run"]], first[row["run"]]) for row in rows)

    def _events(self, run: str) -> Events:
        rows = self._past.rows("SELECT * FROM events WHERE run = ? ORDER BY seq", run)
        return [row | {"body": body_of(row)} for row in rows]

    def _first(self, events: Events) -> Events:
        """The events of the run that began it all: of calls from run to run, the caller's."""
        seen = set[str]()
        while True:
            parent = next((row["body"].get("parent") for row in events if row["type"] == "run.created"), "")
            if not parent or parent in seen:
                return events
            seen.add(parent)
            events = self._events(parent)

    def _chain(self, effect: dict[str, Any], events: Events, first: Events) -> Chain:
        facts = EffectFacts(value=self._value, effect=effect, events=events, first=first)
        links = [*facts.links(), self._proof(effect, facts.last)]
        return Chain(
            key=effect["key"],
            action=effect["action"],
            run=effect["run"],
            step=effect["step"],
            links=tuple(links),
        )

    def _proof(self, effect: dict[str, Any], last: int) -> Link:
        anchored = "anchored outside the ledger" if last <= self._anchored else "not anchored yet"
        return Link(name="chain", said=(f"events {effect['seq']} to {last}, {anchored}",), seqs=(last,))

    def _value(self, id_: str | None) -> Json:
        return None if id_ is None else self._ledger.unseal(id_)
