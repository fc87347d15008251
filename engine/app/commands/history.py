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

    def chains(self, given: str) -> tuple[Chain, ...]:
        """The chains of a person, by address, or of a run, a card or an effect, in this order, by the beginning of an id.

        Raises UsageError when nothing begins so, or more than one thing of the kind that was found first.
        """
        known = anchored(self.workspace.root)
        why = Why(self.history, self.ledger, anchored=known[0] if known else 0)
        if subject := self.subject(given):
            return why.subject(subject)
        if run := self._one(_RUNS, given.lower(), "run"):
            return why.run(run)
        if card := self._one(_CARDS, given.upper(), "card"):
            opened = self.history.rows(_CARD, card)[0]
            steps = body_of(opened)["steps"]
            return tuple(one for one in why.run(opened["run"]) if one.step in steps)
        if key := self._one(_KEYS, given.lower(), "effect"):
            found = why.effect(key)
            return (found,) if found else ()
        raise _nothing(given, "run, card or effect")

    def subject(self, given: str) -> str:
        """The subject with this address; empty when the text is no address, or nobody's here."""
        return str(self.keys.find(given.strip().casefold()) or "") if "@" in given else ""

    def run(self, given: str) -> str:
        """The run whose id begins so. Raises UsageError."""
        if run := self._one(_RUNS, given.lower(), "run"):
            return run
        raise _nothing(given, "run")

    def since(self, chain: Chain) -> str:
        """Which of the files the run's plan was made of, or that it read on its way to the effect, are other ones now, in words."""
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

    def timeline(self, given: str, most: int) -> list[e.Event]:
        """The last events about a person or of a run, oldest first. Raises UsageError when nobody and nothing is called that."""
        if subject := self.subject(given):
            where, value = "subject", subject
        elif "@" in given:
            raise _nothing(given, "person")
        else:
            where, value = "run", self.run(given)
        return self._events(f"{where} = ?", value, most=most)

    def log(self, *, run: str = "", project: str = "", most: int) -> list[e.Event]:
        """The last events, of a run (the beginning of its id) and a project where they are named, oldest first. Raises UsageError."""
        if run and project:
            return self._events(f"run = ? AND {_OF_PROJECT}", self.run(run), project, most=most)
        if run:
            return self._events("run = ?", self.run(run), most=most)
        if project:
            return self._events(_OF_PROJECT, project, most=most)
        return self._events("seq > ?", max(self.history.last - most, 0), most=most)

    def told(self, *, run: str = "", project: str = "", lines: int) -> list[tuple[e.Event, str]]:
        """As `log`: so many events that have words, with them."""
        most = _PAGE * max(lines, 1)
        while True:
            events = self.log(run=run, project=project, most=most)
            found = self.sentences(events)
            if len(found) >= lines or len(events) < most:
                return found[-lines:] if lines > 0 else []
            most *= _PAGE

    def sentences(self, events: list[e.Event]) -> list[tuple[e.Event, str]]:
        """The events that have words for a person, with them."""
        runs = sorted({one.run for one in events} - {""})
        names = {row["run"]: row["playbook"] for row in self.history.rows(_PLAYBOOKS, runs)}
        known = {run: Run(id=run, playbook=name) for run, name in names.items()}
        return _worded((one, descriptions.describe_event(one, known.get(one.run))) for one in events)

    def _events(self, where: str, *values: object, most: int) -> list[e.Event]:
        sql = f"SELECT * FROM events WHERE {where} ORDER BY seq DESC LIMIT ?"
        rows = self.history.rows(sql, *values, max(most, 0))
        return [_event(row) for row in rows[::-1]]

    def _one(self, sql: str, given: str, what: str) -> str:
        """The one id that begins so; empty without one. Raises UsageError when several do."""
        found = [str(row["id"]) for row in self.history.rows(sql, given, _MAX_FOUND)]
        if len(found) > 1:
            shown = descriptions.shortest(found)
            named = [shown[one] for one in found[:_MAX_NAMED]]
            more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
            raise UsageError(
                f"{given} begins more than one {what}: {', '.join(named)}{more}",
                code="ambiguous",
                now_true="Nothing was read further.",
                way_out=f"type more of it, for example {named[0]}",
            )
        return found[0] if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What `log` shows where DuckDB is not installed: the whole ledger is read for it."""

    reading: LedgerReader

    @property
    def ledger(self) -> Ledger:
        """Where values are read from."""
        return self.reading.ledger

    def log(self, *, run: str = "", project: str = "", most: int) -> list[e.Event]:
        """As `Past.log`."""
        events = self._about(run, project)
        return events[-most:] if most > 0 else []

    def told(self, *, run: str = "", project: str = "", lines: int) -> list[tuple[e.Event, str]]:
        """As `Past.told`."""
        runs = self.reading.book.runs
        found = _worded(
            (one, descriptions.describe_event(one, runs.get(one.run))) for one in self._about(run, project)
        )
        return found[-lines:] if lines > 0 else []

    def _about(self, run: str, project: str) -> list[e.Event]:
        only = descriptions.find_run(self.reading, run).id if run else ""
        of = {id_ for id_, one in self.reading.book.runs.items() if one.project == project}
        return [
            one
            for one in self.reading.ledger.events()
            if (not only or one.run == only) and (not project or one.run in of)
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


def _worded(told: Iterable[tuple[e.Event, str]]) -> list[tuple[e.Event, str]]:
    return [(event, words) for event, words in told if words]


def _nothing(given: str, what: str) -> UsageError:
    return UsageError(
        f"no {what} {'is known as' if what == 'person' else 'begins with'} {given}",
        code="not-found",
        way_out="steward queue   or   steward log",
    )


@contextmanager
def of(workspace: Workspace) -> Iterator[Past]:
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
def of_any(workspace: Workspace) -> Iterator[Past | Folded]:
    """The past as it is now, with DuckDB or without it."""
    if find_spec("duckdb") is not None:
        with of(workspace) as past:
            yield past
        return
    reading = open_reader(workspace)
    try:
        yield Folded(reading=reading)
    finally:
        reading.close()
