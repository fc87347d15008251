"""The morning's words: what was done, waits, failed, did not happen and was spent, and what is wrong. `notify/brief` for playbooks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from engine.app.adapters import agents
from engine.app.health import doctor
from engine.app.health.doctor import HealthFinding, Probe
from engine.app.queries import queue
from engine.app.workspace.ledger_reader import LedgerReader
from engine.app.workspace.workspace import Workspace
from engine.connectors.action_specs import brief
from engine.kernel.core.services import Deployment
from engine.ledger import Keys, Ledger
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.taint import Label, Labels
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.state.state import Alarm, State
from engine.model.text.safe_text import line
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import localized, moment, stamp

MAX_HOURS = 24 * 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """The brief: its text, and how much of it wants a person. `ills` are what hurts now."""

    text: str
    waiting: int
    failed: int
    absent: int
    ills: int


def render_brief(
    findings: Sequence[HealthFinding], reading: LedgerReader, *, now: datetime, since: datetime, zone: str
) -> Brief:
    """What happened from `since` on, in plain words and by the operator's clock, with every ill and everything that will be one."""
    book, start = reading.book, stamp(since)
    ended = [run for run in list(book.runs.values()) if run.ended and run.ended >= start]
    done = sum(run.status in {"succeeded", "no-op"} for run in ended)
    failed = sorted({run.playbook for run in ended if run.status == "failed"})
    waiting = queue.lines(queue.rows(reading, now=stamp(now)))
    spent = sum(cost.usd for cost in list(book.costs.values()) if cost.at >= start)
    absent = [alarm for alarm in book.alarms.values() if alarm.raised >= start and alarm.kind != "untold"]
    ills = [finding for finding in findings if finding.grade == "ill"]
    ours = partial(localized, zone=zone)
    lines = [
        f"Done: {done} runs." if done else "Done: nothing ended.",
        f"Waits for you: {len(waiting)} (steward queue)." if waiting else "Waits for you: nothing.",
        *_put_aside(waiting),
        f"Failed: {', '.join(failed)}." if failed else "Failed: nothing.",
        ours(f"Absent: {', '.join(map(_absent, absent))}.") if absent else "Absent: nothing.",
        f"Spent: {spent:.2f} USD.",
        *(f"! {line(ours(ill.said), 300)}. → {ill.way_out}" for ill in ills),
        *(
            f"· {line(ours(finding.said), 300)}. → {finding.way_out}"
            for finding in findings
            if finding.grade == "look"
        ),
    ]
    return Brief(
        text="\n".join(lines), waiting=len(waiting), failed=len(failed), absent=len(absent), ills=len(ills)
    )


_SHOWN = 10


def _put_aside(waiting: Sequence[tuple[queue.QueueRow, ...]]) -> Iterator[str]:
    """What may be a person's letter, with subject and sender; those that look automatic in one line."""
    letters = [rows for rows in waiting if rows[0].kind == "put-aside"]
    for rows in letters[:_SHOWN]:
        if len(rows) > 1 or rows[0].fold:
            yield f"  {len(rows)} {rows[0].fold}: {line('; '.join(row.about for row in rows), 200)} → steward queue --all"
        else:
            yield f"  {rows[0].title}: {line(rows[0].about, 120)} → steward take {rows[0].short}"
    if len(letters) > _SHOWN:
        yield f"  and {len(letters) - _SHOWN} more that were put aside"


def _absent(alarm: Alarm) -> str:
    """One alarm of the day, in a few words."""
    over = {"came": ", came late", "gone": ", expected no more", "seen": ", seen"}.get(alarm.because, "")
    if alarm.kind == "silent":
        return f"{alarm.trigger} → {alarm.playbook} (silent since {alarm.last[:16]}Z{over})"
    times = f", {alarm.count} times" if alarm.count > 1 else ""
    return f"{alarm.playbook} ({alarm.due[:16]}Z{times}{over})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefs:
    """Port Reader of `notify/brief`. `book` is the current state, `deployed` what runs now, `memory` the status of the index, `probes` what else is
    looked at.
    """

    workspace: Workspace
    book: Callable[[], State]
    deployed: Callable[[], Deployment | None]
    memory: Callable[[], Mapping[str, object]]
    probes: tuple[Probe, ...] = ()

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return brief()

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The words, as of the step's own time. Raises PermanentError on a length that makes no sense."""
        book = _still(self.book())
        since = _since(book, call)
        # Connections of its own: this runs beside the loop, which goes on writing.
        keys = Keys.open(self.workspace.state)
        ledger = Ledger.open(self.workspace.state, keys=keys, owner=None)
        reading = LedgerReader(self.workspace, ledger, keys, book, still=True)
        with closing(reading):
            findings = doctor.examine(
                self.workspace, reading, now=call.at, level=lambda: agents.room().level, memory=self.memory,
                deployed=self.deployed(), probes=self.probes, whole=False,
            )  # fmt: skip
            words = render_brief(
                findings, reading, now=call.at, since=since, zone=self.workspace.config.time_zone
            )
        outputs: dict[str, Json] = {field.name: getattr(words, field.name) for field in fields(words)}
        # The title of a question may hold a stranger's words.
        return outputs, frozenset({Label.SYSTEM, Label.UNTRUSTED})


def _since(book: State, call: Call) -> datetime:
    """A day back, or as far as it is asked for; without being asked also what the last brief that was told left to tell."""
    hours: Any = call.args.get("hours")
    if hours is None:
        run = book.runs.get(call.run)
        stamps = [
            earlier.created
            for earlier in book.runs.values()
            if run and earlier.playbook == run.playbook and earlier.status == "succeeded"
        ]
        day, oldest = call.at - timedelta(days=1), call.at - timedelta(hours=MAX_HOURS)
        return max(min(day, moment(max(stamps))), oldest) if stamps else day
    if not isinstance(hours, int) or isinstance(hours, bool) or not 0 < hours <= MAX_HOURS:
        raise PermanentError(f"hours: a number from 1 to {MAX_HOURS}", code="wrong-argument")
    return call.at - timedelta(hours=hours)


def _still(book: State) -> State:
    """A copy of the state at one moment, to read while the loop goes on. Each copy is one step of the interpreter; the runs come last,
    so that nothing copied before them names one that is not there.
    """
    names = sorted((field.name for field in fields(book)), key=lambda name: name == "runs")
    copies: dict[str, Any] = {}
    for name in names:
        content = getattr(book, name)
        copies[name] = content.copy() if isinstance(content, dict | set) else content
    return State(**copies)
