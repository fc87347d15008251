"""The past of a workspace: history and chains of why, with what only git knows beside them.

Nothing here folds the ledger: what is asked is asked of the history, so that it costs the same on a long past as on a short one.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from engine.app.commands.command_bus import LedgerReader, open_reader
from engine.app.queries import descriptions
from engine.app.workspace.workspace import Workspace
from engine.ledger import Keys, Ledger
from engine.model.definitions.plan import Plan
from engine.model.errors import UsageError
from engine.model.events import events as e
from engine.observe import drift
from engine.observe.history import History, body_of
from engine.observe.why import Chain, Why
from engine.vault import anchored

GROUPS = {"playbook": "playbook", "project": "project", "model": "model", "week": "week"}
"""What costs can be added up by: the word on the command line → the column."""

_MAX_NAMED = 3
_MAX_FOUND = 50
_PAGE = 4
"""Events looked at for one line of `log`: most serve the machine and have no words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as far as words about its events need it."""

    id: str
    playbook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A workspace's history beside its ledger, which is read only."""

    workspace: Workspace
    ledger: Ledger
    keys: Keys
    history: History

    def chains(self, reference: str) -> tuple[Chain, ...]:
        """The chains of a person, by address, or of a run, a card or an effect, in this order, by the beginning of an id.

        Raises UsageError when nothing begins so, or more than one id of the first kind that matches.
        """
        known = anchored(self.workspace.root)
        why = Why(self.history, self.ledger, anchored=known[0] if known else 0)
        if subject := self.subject(reference):
            return why.subject(subject)
        if run := self._find_id(_RUNS, reference.lower(), "run"):
            return why.run(run)
        if card := self._find_id(_CARDS, reference.upper(), "card"):
            opened = self.history.rows(_CARD, card)[0]
            steps = body_of(opened)["steps"]
            return tuple(chain for chain in why.run(opened["run"]) if chain.step in steps)
        if key := self._find_id(_KEYS, reference.lower(), "effect"):
            effect = why.effect(key)
            return (effect,) if effect else ()
        raise _not_found(reference, "run, card or effect")

    def subject(self, address: str) -> str:
        """The subject with this address; empty when the text is not an address, or the address is unknown."""
        return str(self.keys.find(address.strip().casefold()) or "") if "@" in address else ""

    def run(self, prefix: str) -> str:
        """The run whose id begins so. Raises UsageError."""
        if run := self._find_id(_RUNS, prefix.lower(), "run"):
            return run
        raise _not_found(prefix, "run")

    def since(self, chain: Chain) -> str:
        """The files behind the run's plan, or read on its way to the effect, that have changed since, in words."""
        born = body_of(self.history.rows(_PLANNED, chain.run, chain.key)[0])
        read = dict(self._plan(born["plan"]).files)
        rows = self.history.rows(_READ, chain.run, chain.key)
        for body in map(body_of, rows):
            read |= drift.files(self.ledger, seen=body.get("seen"), proposal=body.get("proposal"))
        changed = drift.changed_paths(read, partial(drift.version_of, self.workspace.tree))
        return f"changed since: {', '.join(changed)}" if changed else "no file that it read has changed since"

    def _plan(self, name: str) -> Plan:
        from engine.language.passes import plan_codec

        return plan_codec.from_bytes(self.ledger.load_content(name))

    def costs(self, by: str) -> list[dict[str, object]]:
        """What models cost, added up by one of :data:`GROUPS`: (name, calls, tokens, usd), the dearest first."""
        column = GROUPS[by]
        return self.history.rows(
            f"SELECT coalesce({column}, '') AS name, count(*) AS calls, sum(tokens_in + tokens_out) AS tokens, sum(usd) AS usd "
            "FROM costs GROUP BY ALL ORDER BY usd DESC, name"
        )

    def timeline(self, reference: str, limit: int) -> list[e.Event]:
        """The last events about a person or of a run, oldest first. Raises UsageError when no person or run is called that."""
        if subject := self.subject(reference):
            column, value = "subject", subject
        elif "@" in reference:
            raise _not_found(reference, "person")
        else:
            column, value = "run", self.run(reference)
        return self._events(f"{column} = ?", value, limit=limit)

    def log(self, *, run: str = "", project: str = "", limit: int) -> list[e.Event]:
        """The last events, of a run (the beginning of its id) and a project where they are named, oldest first. Raises UsageError."""
        if run and project:
            return self._events(f"run = ? AND {_OF_PROJECT}", self.run(run), project, limit=limit)
        if run:
            return self._events("run = ?", self.run(run), limit=limit)
        if project:
            return self._events(_OF_PROJECT, project, limit=limit)
        return self._events("seq > ?", max(self.history.last - limit, 0), limit=limit)

    def described(self, *, run: str = "", project: str = "", lines: int) -> list[tuple[e.Event, str]]:
        """As `log`: so many events that have words, with them."""
        limit = _PAGE * max(lines, 1)
        while True:
            events = self.log(run=run, project=project, limit=limit)
            sentences = self.sentences(events)
            if len(sentences) >= lines or len(events) < limit:
                return sentences[-lines:] if lines > 0 else []
            limit *= _PAGE

    def sentences(self, events: list[e.Event]) -> list[tuple[e.Event, str]]:
        """The events that have words for a person, with them."""
        runs = sorted({event.run for event in events} - {""})
        names = {row["run"]: row["playbook"] for row in self.history.rows(_PLAYBOOKS, runs)}
        known = {run: Run(id=run, playbook=name) for run, name in names.items()}
        return _worded((event, descriptions.describe_event(event, known.get(event.run))) for event in events)

    def _events(self, condition: str, *values: object, limit: int) -> list[e.Event]:
        sql = f"SELECT * FROM events WHERE {condition} ORDER BY seq DESC LIMIT ?"
        rows = self.history.rows(sql, *values, max(limit, 0))
        return [_event(row) for row in rows[::-1]]

    def _find_id(self, sql: str, prefix: str, noun: str) -> str:
        """The one id that begins so; empty without one. Raises UsageError when several do."""
        matches = [str(row["id"]) for row in self.history.rows(sql, prefix, _MAX_FOUND)]
        if len(matches) > 1:
            shown = descriptions.shortest(matches)
            named = [shown[id_] for id_ in matches[:_MAX_NAMED]]
            others = f" and {len(matches) - _MAX_NAMED} more" if len(matches) > _MAX_NAMED else ""
            raise UsageError(
                f"{prefix} begins more than one {noun}: {', '.join(named)}{others}",
                code="ambiguous",
                now_true="Nothing was read further.",
                way_out=f"type more of it, for example {named[0]}",
            )
        return matches[0] if matches else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What `log` shows where DuckDB is not installed: the whole ledger is read for it."""

    reading: LedgerReader

    @property
    def ledger(self) -> Ledger:
        """Where values are read from."""
        return self.reading.ledger

    def log(self, *, run: str = "", project: str = "", limit: int) -> list[e.Event]:
        """As `Past.log`."""
        events = self._about(run, project)
        return events[-limit:] if limit > 0 else []

    def described(self, *, run: str = "", project: str = "", lines: int) -> list[tuple[e.Event, str]]:
        """As `Past.described`."""
        runs = self.reading.book.runs
        sentences = _worded(
            (event, descriptions.describe_event(event, runs.get(event.run)))
            for event in self._about(run, project)
        )
        return sentences[-lines:] if lines > 0 else []

    def _about(self, run: str, project: str) -> list[e.Event]:
        only = descriptions.find_run(self.reading, run).id if run else ""
        of = {id_ for id_, state in self.reading.book.runs.items() if state.project == project}
        return [
            event
            for event in self.reading.ledger.events()
            if (not only or event.run == only) and (not project or event.run in of)
        ]


_RUNS = "SELECT DISTINCT run AS id FROM events WHERE type = 'run.created' AND starts_with(run, ?) ORDER BY id LIMIT ?"
_CARDS = (
    "SELECT DISTINCT body->>'$.card' AS id FROM events WHERE type IN ('card.opened', 'card.reopened') AND starts_with(body->>'$.card', ?) "
    "ORDER BY id LIMIT ?"
)
_KEYS = (
    "SELECT DISTINCT body->>'$.key' AS id FROM events WHERE type = 'effect.proposed' AND starts_with(body->>'$.key', ?) "
    "ORDER BY id LIMIT ?"
)
_CARD = "SELECT run, body FROM events WHERE type IN ('card.opened', 'card.reopened') AND body->>'$.card' = ?"
_BEFORE = "seq < (SELECT max(seq) FROM events WHERE type = 'effect.proposed' AND body->>'$.key' = ?)"
_PLANNED = f"SELECT body FROM events WHERE type IN ('run.created', 'run.retried', 'run.redrafted') AND run = ? AND {_BEFORE} ORDER BY seq DESC LIMIT 1"
_READ = (
    "SELECT body FROM events WHERE run = $1 AND (type = 'step.succeeded' "
    "AND seq < (SELECT max(seq) FROM events WHERE type = 'effect.proposed' AND body->>'$.key' = $2) "
    "OR type = 'effect.proposed' AND body->>'$.key' = $2) ORDER BY seq"
)
_PLAYBOOKS = "SELECT run, body->>'$.playbook' AS playbook FROM events WHERE type = 'run.created' AND list_contains(?, run)"
_OF_PROJECT = "run IN (SELECT run FROM events WHERE type = 'run.created' AND body->>'$.project' = ?)"


def _event(row: dict[str, Any]) -> e.Event:
    return e.Event(
        seq=row["seq"], ts=row["ts"], body=e.body_from_json(row["type"], body_of(row)), run=row["run"], step=row["step"],
        subject=row["subject"], actor=row["actor"], cause=row["cause"],
    )  # fmt: skip


def _worded(sentences: Iterable[tuple[e.Event, str]]) -> list[tuple[e.Event, str]]:
    return [(event, words) for event, words in sentences if words]


def _not_found(reference: str, noun: str) -> UsageError:
    return UsageError(
        f"no {noun} {'is known as' if noun == 'person' else 'begins with'} {reference}",
        code="not-found",
        way_out="steward queue   or   steward log",
    )


@contextmanager
def open_past(workspace: Workspace) -> Iterator[Past]:
    """The past as it is now. Raises PermanentError(code='no-history') without DuckDB."""
    keys = Keys.open(workspace.state)
    try:
        ledger = Ledger.open(workspace.state, keys=keys, owner=None)
        try:
            with History(ledger, workspace.state.path / "history") as history:
                yield Past(workspace=workspace, ledger=ledger, keys=keys, history=history)
        finally:
            ledger.close()
    finally:
        keys.close()


@contextmanager
def open_log(workspace: Workspace) -> Iterator[Past | Folded]:
    """The past as it is now, with DuckDB or without it."""
    if find_spec("duckdb") is not None:
        with open_past(workspace) as past:
            yield past
        return
    reading = open_reader(workspace)
    try:
        yield Folded(reading=reading)
    finally:
        reading.close()
