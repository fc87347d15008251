"""What is expected, and what of it did not come: pure, from the state and a moment.

What is expected stands in the ledger before it is due: a schedule's next firing as an event of its own, the usual gap of every other
trigger in the arrivals themselves. So a look at any later time finds what did not happen.
"""

import statistics
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from engine.model.defaults import ABSENT_AFTER
from engine.model.state.state import Alarm, State
from engine.model.values.canonical_json import name_of
from engine.model.values.durations import rough
from engine.model.values.timestamps import later, moment, stamp

SILENT_TIMES, SILENT_LEAST, USUAL_FROM = 4, timedelta(days=1), 5
"""A trigger is silent after so many times its usual gap, and after so long at least; that many gaps make a usual one."""
MAX_COUNTED = 1000
"""Of more missed firings than that one says so many."""

Lives = Callable[[str, str], bool]
"""Whether a playbook is still there, and with this schedule where one is named."""


def dues(cron: str, since: datetime, until: datetime, zone: str) -> Iterator[datetime]:
    """The moments of a five-field cron expression in (since, until], in a time zone.

    Across a change of clocks a firing inside the skipped hour comes right after it, and none comes twice (Debian's cron, as cronsim
    does it).
    """
    for due in moments(cron, since, zone):
        if due > until:
            return
        yield due


def moments(cron: str, since: datetime, zone: str) -> Iterator[datetime]:
    """Every moment of a cron expression after `since`."""
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

    yield from CronSim(cron, since.astimezone(ZoneInfo(zone)))


def overdue(book: State, *, now: datetime, lives: Lives) -> Iterator[Alarm]:
    """Every expectation that has passed unmet by `now`, whether an alarm of it was raised or not."""
    late, quiet = stamp(now - ABSENT_AFTER), stamp(now - SILENT_LEAST)
    for (playbook, schedule), (due, zone) in book.expected.items():
        if due and due <= late and lives(playbook, schedule):
            yield _absent(playbook, schedule, due, zone, book.schedules[playbook, schedule], now)
    for (kind, playbook), times in book.arrivals.items():
        # This cheap test nearly always settles it: computing the usual gap takes longer.
        usual = usual_gap(times) if times[-1] <= quiet else None
        if usual is None or not lives(playbook, ""):
            continue
        due = later(times[-1], max(SILENT_TIMES * usual, SILENT_LEAST))
        if moment(due) < now:
            yield Alarm(
                id=name_of(["silent", kind, playbook, times[-1]]), kind="silent", playbook=playbook, trigger=kind,
                due=due, last=times[-1], usual=int(usual.total_seconds()),
            )  # fmt: skip
    if book.notice is not None and book.notice.code:
        notice = book.notice
        yield Alarm(
            id=name_of(["untold", notice.run, notice.step, notice.at]), kind="untold", playbook=book.runs[notice.run].playbook,
            due=notice.at, code=notice.code, run=notice.run,
        )  # fmt: skip


def open_alarms(book: State, *, now: datetime, lives: Lives) -> list[Alarm]:
    """Every alarm that is not over, also those not raised because no engine ran; the oldest expectation first."""
    seen = {alarm.id: alarm for alarm in overdue(book, now=now, lives=lives) if alarm.id not in book.alarms}
    raised = [alarm for alarm in book.alarms.values() if not alarm.cleared]
    return sorted([*raised, *seen.values()], key=lambda alarm: (alarm.due, alarm.id))


def usual_gap(times: tuple[str, ...]) -> timedelta | None:
    """The median gap between arrivals; None where too few came to know."""
    if len(times) <= USUAL_FROM:
        return None
    gaps = [(moment(b) - moment(a)).total_seconds() for a, b in pairwise(times)]
    return timedelta(seconds=statistics.median(gaps))


def _absent(playbook: str, schedule: str, due: str, zone: str, last: str, now: datetime) -> Alarm:
    count = 0
    for _ in dues(schedule, moment(last), now, zone):
        count += 1
        if count == MAX_COUNTED:
            break
    return Alarm(
        id=name_of(["absent", playbook, schedule, due]), kind="absent", playbook=playbook, trigger="schedule",
        schedule=schedule, due=due, last=last, count=max(count, 1),
    )  # fmt: skip


def sentence(alarm: Alarm, *, now: datetime) -> str:
    """An alarm in plain words, as of `now`."""
    match alarm.kind:
        case "absent":
            times = f", {alarm.count} times by now" if alarm.count > 1 else ""
            return f"{alarm.playbook} should have run at {alarm.due[:16]}Z and did not{times}"
        case "silent":
            source = f"{alarm.trigger} → {alarm.playbook}" if alarm.playbook else alarm.trigger
            quiet = rough(now - moment(alarm.last))
            return f"{source}: nothing for {quiet}, usually something every {rough(timedelta(seconds=alarm.usual))}"
        case _:
            return f"a notice to you went nowhere at {alarm.due[:16]}Z: {alarm.code}"
