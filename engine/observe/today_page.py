"""The day on one page: what waits, ran, failed, is absent and was spent, as plain rows from the ledger alone. Read-only.

Nothing here folds the ledger: every row is asked of the history, so that the page costs the same on a long past as on a short one.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal

from engine.ledger import Keys, Ledger, StateDir
from engine.model.defaults import ABSENT_AFTER
from engine.model.errors import EngineError, UsageError
from engine.model.ports import Tree
from engine.model.text.safe_text import line
from engine.model.values import ids
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import moment, stamp
from engine.observe import drift
from engine.observe.history import History, body_of

State = Literal["waits", "failed", "absent", "ran"]
STATES: tuple[State, ...] = ("waits", "failed", "absent", "ran")
"""The order of the page: first what wants a person."""

MAX = 500
"""Rows of each state on the page; what is left out is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One line of the page. `id` is what a command takes, `needs` what to type; `card` marks what a form can decide (`strength` 1).

    `changed` are the files a card was made from that read differently now. Every text is one line and shows its invisible characters; stamps are
    RFC 3339 UTC.
    """

    state: State
    at: str
    playbook: str
    what: str
    about: str = ""
    run: str = ""
    id: str = ""
    card: bool = False
    strength: int = 1
    expires: str = ""
    needs: str = ""
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpending:
    """What models cost since the day began, of one playbook: `calls`, `tokens` and dollars."""

    playbook: str
    calls: int
    tokens: int
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An open card whole: `content` is what it shows, decrypted now; `digest` what a decision must name."""

    id: str
    run: str
    strength: int
    expires: str
    content: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the exact bytes, the plan and the expiry."""
        return str(self.content["digest"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All of it at one moment."""

    rows: tuple[DayRow, ...]
    spent: tuple[ModelSpending, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """One look at a workspace's past, from its state directory."""

    history: History
    ledger: Ledger

    def rows(
        self, *, now: datetime, zone: str, living: Collection[str], tree: Tree | None = None
    ) -> list[DayRow]:
        """Everything of the page. The day begins at midnight in `zone`; `living` are the playbooks that exist now, `tree` today's files."""
        since = stamp(midnight(now, zone))
        rows = (
            *self._with_changed_files(tree, list(self.waiting(now=stamp(now)))),
            *self._ended(since),
            *self._absent(now=now, since=since, zone=zone, living=living),
        )
        order = {state: at for at, state in enumerate(STATES)}
        return sorted(rows, key=lambda row: (order[row.state], _newest(row)))

    def waiting(self, *, now: str) -> Iterator[DayRow]:
        """Open cards that are not put off, questions, and effects whose outcome is unknown; oldest first."""
        cards = self.history.rows(_CARDS, now, now, MAX)
        yield from map(self._card_row, cards)
        yield from map(self._question_row, self.history.rows(_QUESTIONS, MAX))
        yield from map(_unknown_row, self.history.rows(_UNKNOWN, MAX))

    def card(self, id: str) -> Card:
        """An open card. Raises UsageError when no card has this id, PermanentError(code='erased') when its subject was erased."""
        rows = self.history.rows("SELECT * FROM approvals WHERE card = ? AND status = 'open'", id)
        if not rows:
            raise UsageError(
                f"no open card {id[:8]}",
                code="no-card",
                now_true="Nothing happened.",
                way_out="steward queue",
            )
        row = rows[0]
        content: Any = self.ledger.unseal(row["content"])
        return Card(id=id, run=row["run"], strength=row["strength"], expires=row["expires"], content=content)

    def spent(self, *, now: datetime, zone: str) -> list[ModelSpending]:
        """What the day cost by playbook, the dearest first."""
        rows = self.history.rows(_SPENT, stamp(midnight(now, zone)))
        return [
            ModelSpending(
                playbook=row["playbook"], calls=row["calls"], tokens=int(row["tokens"]), usd=float(row["usd"])
            )
            for row in rows
        ]

    def timeline(self, subject: str, limit: int = 200) -> list[dict[str, Any]]:
        """The last events about a subject (its random id), oldest first."""
        rows = self.history.rows(
            "SELECT * FROM events WHERE subject = ? ORDER BY seq DESC LIMIT ?", subject, limit
        )
        return [row | {"body": body_of(row)} for row in rows[::-1]]

    def _with_changed_files(self, tree: Tree | None, waiting: Sequence[DayRow]) -> Iterator[DayRow]:
        """The same rows; a card whose files have changed since lists them."""
        runs = sorted({row.run for row in waiting if row.card}) if tree is not None else []
        steps: dict[str, dict[str, drift.Traces]] = {run: {} for run in runs}
        for trace in self.history.rows(_TRACES, runs) if runs else ():
            steps[trace["run"]][trace["step"]] = (trace["seen"], trace["proposal"])
        plans = {
            created["run"]: created["plan"] for created in (self.history.rows(_PLANS, runs) if runs else ())
        }
        members = {
            opened["card"]: opened["steps"] for opened in (self.history.rows(_MEMBERS, runs) if runs else ())
        }
        version = cache(partial(drift.version_of, tree)) if tree is not None else None
        for row in waiting:
            if version is None or not row.card or row.run not in plans:
                yield row
                continue
            read = drift.card_sources(
                self.ledger, plan=plans[row.run], members=tuple(json.loads(members[row.id])), steps=steps[row.run]
            )  # fmt: skip
            yield replace(row, changed=tuple(drift.changed_paths(read, version)))

    def _card_row(self, row: dict[str, Any]) -> DayRow:
        shown = unsealed_map(partial(self.ledger.unseal, row["content"]))
        letter = shown.get("letter") or {}
        about = " · ".join(str(letter[name]) for name in ("subject", "from") if letter.get(name))
        short = ids.short(row["card"])
        proof = " in a terminal (passphrase or code)" if row["strength"] == 2 else ""
        return DayRow(
            state="waits", at=row["opened"], playbook=row["playbook"] or "", what=line(str(shown.get("title") or row["gate"]), 100),
            about=line(about or str(shown.get("unknowable", "")), 120), run=row["run"], id=row["card"], card="digest" in shown,
            strength=row["strength"], expires=row["expires"], needs=f"steward approve {short}{proof}",
        )  # fmt: skip

    def _question_row(self, row: dict[str, Any]) -> DayRow:
        shown = unsealed_map(partial(self.ledger.unseal, row["question"]))
        question = str(shown.get("title") or shown.get("unknowable") or row["step"])
        return DayRow(
            state="waits", at=row["ts"], playbook=row["playbook"], what=line(question, 100), about=f"asks {row['who']}",
            run=row["run"], id=row["ask"], expires=row["until"], needs=f"steward show {ids.short(row['ask'])}",
        )  # fmt: skip

    def _ended(self, since: str) -> Iterator[DayRow]:
        rows = self.history.rows(_ENDED, since, 2 * MAX)
        for row in rows:
            failed = row["status"] == "failed"
            why = " · ".join(part for part in (row["reason"], row["code"] if failed else "") if part)
            yield DayRow(
                state="failed" if failed else "ran",
                at=row["ended"],
                playbook=row["playbook"],
                what=row["status"],
                about=line(why, 120),
                run=row["run"],
                id=row["run"],
                needs=f"steward why {ids.short(row['run'])}",
            )

    def _absent(self, *, now: datetime, since: str, zone: str, living: Collection[str]) -> Iterator[DayRow]:
        reported: set[tuple[str, str]] = set()
        for row in self.history.rows(_MISSED, since, MAX):
            reported.add((row["playbook"], row["due"]))
            yield _absent_row(row["playbook"], row["due"], "missed: nobody was up")
        for row in self.history.rows(_ALARMS, since, MAX):
            if (row["playbook"], row["due"]) not in reported:
                reported.add((row["playbook"], row["due"]))
                yield _alarm_row(row)
        for row in self.history.rows(_SCHEDULES):
            own = row["zone"] or zone
            due = _next(row["schedule"], moment(row["due"]), own) if row["playbook"] in living else None
            late = due is not None and due <= now - ABSENT_AFTER
            if due is not None and late and (row["playbook"], stamp(due)) not in reported:
                yield _absent_row(row["playbook"], stamp(due), "due and not fired: steward up")


@contextmanager
def look(state: StateDir) -> Iterator[DayView]:
    """The past as it is now. Raises PermanentError(code='no-history') without DuckDB, LedgerError when it can't be read."""
    keys = Keys.open(state)
    try:
        ledger = Ledger.open(state, keys=keys, owner=None)
        try:
            with History(ledger, state.path / "history") as history:
                yield DayView(history=history, ledger=ledger)
        finally:
            ledger.close()
    finally:
        keys.close()


def page(
    state: StateDir, *, now: datetime, zone: str, living: Collection[str], tree: Tree | None = None
) -> Page:
    """The page as it is now; arguments as for `DayView.rows`."""
    with look(state) as seen:
        return Page(
            rows=tuple(seen.rows(now=now, zone=zone, living=living, tree=tree)),
            spent=tuple(seen.spent(now=now, zone=zone)),
        )


def card(state: StateDir, id: str) -> tuple[Card | None, str | None]:
    """An open card, or None and why it can't be shown."""
    try:
        with look(state) as seen:
            return seen.card(id), None
    except EngineError as error:
        return None, f"{error.message}. {error.now_true} {error.way_out}".strip()


def filtered(rows: Collection[DayRow], *, playbook: str = "", state: str = "") -> list[DayRow]:
    """The rows of one playbook and one state; an empty word leaves all."""
    return [row for row in rows if playbook in {"", row.playbook} and state in {"", row.state}]


def midnight(now: datetime, zone: str) -> datetime:
    """When the day of `now` began in a time zone."""
    from zoneinfo import ZoneInfo

    return now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def unsealed_map(unseal: Callable[[], Json]) -> dict[str, Any]:
    """A sealed map, or why it can't be shown under ``unknowable``."""
    try:
        content = unseal()
    except EngineError as error:
        return {"unknowable": error.message}
    return content if isinstance(content, dict) else {}


def _newest(row: DayRow) -> float:
    """Waiting rows oldest first, all others newest first."""
    at = moment(row.at).timestamp()
    return at if row.state == "waits" else -at


def _next(cron: str, since: datetime, zone: str) -> datetime | None:
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

    return next(iter(CronSim(cron, since.astimezone(ZoneInfo(zone)))), None)


def _absent_row(playbook: str, due: str, why: str) -> DayRow:
    return DayRow(
        state="absent", at=due, playbook=playbook, what=f"should have run at {due[:16]}Z", about=why,
        needs="steward up",
    )  # fmt: skip


def _unknown_row(row: dict[str, Any]) -> DayRow:
    short = ids.short(row["key"])
    return DayRow(
        state="waits", at=row["ts"], playbook=row["playbook"], what=f"did `{row['step']}` happen?", about=row["code"] or "",
        run=row["run"], id=row["key"], needs=f"steward answer {short} happened|did-not-happen",
    )  # fmt: skip


def _alarm_row(row: dict[str, Any]) -> DayRow:
    """An alarm that is open, or was raised today."""
    descriptions = {
        "absent": f"should have run at {row['due'][:16]}Z",
        "silent": f"{row['trigger']}: nothing since {row['last'][:16]}Z",
        "untold": f"a notice went nowhere: {row['code']}",
    }
    over = {"came": "came late", "gone": "expected no more", "seen": "seen"}.get(row["because"] or "")
    return DayRow(
        state="absent", at=row["due"], playbook=row["playbook"], what=line(descriptions.get(row["kind"], row["kind"]), 100),
        about=over or "and nothing since", run=row["run"], id=row["alarm"],
        needs="" if over else f"steward answer {ids.short(row['alarm'])} seen",
    )  # fmt: skip


# None of these asks a view of everything that ever ran: what narrows stands first, and names are looked up for what is left.
_BORN = "SELECT run, body->>'$.playbook' AS playbook FROM events SEMI JOIN {} USING (run) WHERE type = 'run.created'"

# What ends a run, and what lets an ended one go on.
_ENDINGS = "'run.ended', 'run.retried', 'card.reopened', 'step.reopened'"

_CARDS = f"""
WITH opened AS (
    SELECT seq, ts AS opened, run, body->>'$.card' AS card, body->>'$.gate' AS gate, CAST(body->>'$.strength' AS INTEGER) AS strength,
           body->>'$.expires' AS expires, body->>'$.content' AS content
    FROM events WHERE type IN ('card.opened', 'card.reopened') AND body->>'$.expires' > ?
), settled AS (
    SELECT body->>'$.card' AS card FROM events
    WHERE type IN ('card.approved', 'card.rejected', 'card.expired', 'card.closed') AND seq > (SELECT min(seq) FROM opened)
), snoozed AS (
    SELECT body->>'$.card' AS card, arg_max(body->>'$.until', seq) AS until FROM events WHERE type = 'card.snoozed' GROUP BY ALL
), still AS (
    SELECT * FROM opened ANTI JOIN settled USING (card)
), born AS (
    {_BORN.format("still")}
)
SELECT still.*, coalesce(playbook, '') AS playbook FROM still LEFT JOIN snoozed USING (card) LEFT JOIN born USING (run)
WHERE coalesce(until, '') <= ? ORDER BY seq LIMIT ?
"""

# Of a few runs; what a step read and proposed last counts.
_TRACES = """
SELECT run, step, nullif(arg_max(coalesce(body->>'$.seen', ''), seq) FILTER (WHERE type = 'step.succeeded'), '') AS seen,
       nullif(arg_max(coalesce(body->>'$.proposal', ''), seq) FILTER (WHERE type = 'effect.proposed'), '') AS proposal
FROM events WHERE type IN ('step.succeeded', 'effect.proposed') AND list_contains(?, run) GROUP BY run, step
"""

_PLANS = """
SELECT run, arg_max(body->>'$.plan', seq) AS plan FROM events
WHERE type IN ('run.created', 'run.retried', 'run.redrafted') AND list_contains(?, run) GROUP BY run
"""

_MEMBERS = "SELECT body->>'$.card' AS card, body->>'$.steps' AS steps FROM events WHERE type IN ('card.opened', 'card.reopened') AND list_contains(?, run)"

_QUESTIONS = f"""
WITH asked AS (
    -- One that is asked again keeps its words.
    SELECT run, step, max(seq) AS seq, arg_max(ts, seq) AS ts, arg_max(body->>'$.ask', seq) AS ask, arg_max(body->>'$.who', seq) AS who,
           arg_max(body->>'$.question', seq) AS question, arg_max(body->>'$.until', seq) AS until
    FROM events WHERE type = 'human.asked' OR type = 'step.reopened' AND body->>'$.ask' <> '' GROUP BY run, step
), settled AS (
    SELECT run, step, max(seq) AS seq FROM events SEMI JOIN asked USING (run, step)
    WHERE type IN ('human.answered', 'budget.decided', 'step.succeeded', 'step.skipped', 'step.failed', 'step.cancelled') GROUP BY run, step
), over AS (
    SELECT run FROM events SEMI JOIN asked USING (run) WHERE type IN ({_ENDINGS}) GROUP BY run HAVING arg_max(type, seq) = 'run.ended'
), born AS (
    {_BORN.format("asked")}
)
SELECT a.run, a.step, a.ts, coalesce(r.playbook, '') AS playbook, a.ask, a.who, a.question, coalesce(a.until, '') AS until
FROM asked a ANTI JOIN over USING (run) LEFT JOIN settled s USING (run, step) LEFT JOIN born r USING (run)
WHERE s.seq IS NULL OR s.seq < a.seq ORDER BY a.seq LIMIT ?
"""

_UNKNOWN = f"""
WITH lost AS (
    SELECT body->>'$.key' AS key, max(seq) AS seq, arg_max(ts, seq) AS ts, arg_max(run, seq) AS run, arg_max(step, seq) AS step,
           arg_max(body->>'$.code', seq) AS code
    FROM events WHERE type = 'effect.unknown' GROUP BY ALL
), known AS (
    SELECT e.body->>'$.key' AS key, max(e.seq) AS seq FROM events e SEMI JOIN lost USING (run, step)
    WHERE e.type IN ('effect.resolved', 'effect.succeeded', 'effect.failed', 'effect.undone') GROUP BY ALL
), born AS (
    {_BORN.format("lost")}
)
SELECT l.*, coalesce(r.playbook, '') AS playbook FROM lost l LEFT JOIN known k USING (key) LEFT JOIN born r USING (run)
WHERE k.seq IS NULL OR k.seq < l.seq ORDER BY l.seq LIMIT ?
"""

_ENDED = f"""
WITH ended AS (
    SELECT run, max(ts) FILTER (WHERE type = 'run.ended') AS ended, arg_max(body, seq) AS body
    FROM events WHERE type IN ({_ENDINGS}) AND ts >= ? GROUP BY run HAVING arg_max(type, seq) = 'run.ended'
    ORDER BY ended DESC LIMIT ?
), born AS (
    SELECT run, body->>'$.playbook' AS playbook FROM events SEMI JOIN ended USING (run) WHERE type = 'run.created'
), code AS (
    SELECT run, arg_max(step || ': ' || coalesce(body->>'$.code', ''), seq) AS code FROM events SEMI JOIN ended USING (run)
    WHERE type IN ('step.failed', 'effect.failed') GROUP BY run
)
SELECT run, ended, coalesce(playbook, '') AS playbook, ended.body->>'$.status' AS status,
       coalesce(ended.body->>'$.reason', '') AS reason, coalesce(code, '') AS code
FROM ended LEFT JOIN born USING (run) LEFT JOIN code USING (run)
"""

_SPENT = f"""
WITH calls AS (
    SELECT body->>'$.call' AS call, arg_max(run, seq) AS run, arg_max(body, seq) AS body
    FROM events WHERE type IN ('model.reserved', 'model.answered') AND ts >= ? GROUP BY ALL
), born AS (
    {_BORN.format("calls")}
)
SELECT coalesce(playbook, '') AS playbook, count(*) AS calls, sum(CAST(body->>'$.usd' AS DECIMAL(18, 6))) AS usd,
       sum(CAST(coalesce(body->>'$.tokens_in', '0') AS BIGINT) + CAST(coalesce(body->>'$.tokens_out', '0') AS BIGINT)) AS tokens
FROM calls LEFT JOIN born USING (run) GROUP BY 1 ORDER BY usd DESC, 1
"""

_MISSED = "SELECT playbook, due FROM triggers WHERE kind = 'schedule' AND reason = 'missed' AND ts >= ? ORDER BY due DESC LIMIT ?"

_SCHEDULES = """
WITH zones AS (
    SELECT body->>'$.playbook' AS playbook, body->>'$.schedule' AS schedule, arg_max(body->>'$.zone', seq) AS zone
    FROM events WHERE type = 'trigger.expected' GROUP BY ALL
), last AS (
    SELECT playbook, schedule, max(due) AS due FROM triggers WHERE kind = 'schedule' AND coalesce(due, '') <> '' GROUP BY ALL
)
SELECT * FROM last LEFT JOIN zones USING (playbook, schedule)
"""

_ALARMS = """
WITH raised AS (
    SELECT ts, run, body->>'$.alarm' AS alarm, body->>'$.kind' AS kind, body->>'$.playbook' AS playbook, body->>'$.trigger' AS trigger,
           body->>'$.due' AS due, body->>'$.last' AS last, body->>'$.code' AS code
    FROM events WHERE type = 'alarm.raised'
), cleared AS (
    SELECT body->>'$.alarm' AS alarm, arg_max(body->>'$.because', seq) AS because FROM events WHERE type = 'alarm.cleared' GROUP BY ALL
)
SELECT * FROM raised LEFT JOIN cleared USING (alarm) WHERE because IS NULL OR ts >= ? ORDER BY due DESC LIMIT ?
"""
