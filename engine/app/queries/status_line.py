"""The status line of `steward up`: what is under way, what waits for whom, what comes next."""

from collections import Counter
from datetime import datetime

from engine.model.state.state import State
from engine.model.values.timestamps import moment

# What a person has to do something about.
_YOURS = frozenset({"approval", "person", "unknown", "budget", "secret", "missing", "health"})


def line(book: State, zone: str, *, now: datetime) -> str:
    """From the state alone; moments in the workspace's time zone."""
    waits = Counter(
        "" if not reason else "you" if reason in _YOURS else reason
        for reason in (book.runs[run].waiting for run in book.open_runs)
    )
    parts = [f"{waits['']} under way" if waits[""] else "nothing is under way"]
    if yours := waits["you"]:
        parts.append(f"{yours} {'waits' if yours == 1 else 'wait'} for you: steward queue")
    others = [f"{count} for {reason}" for reason, count in sorted(waits.items()) if reason not in {"", "you"}]
    if others:
        parts.append(f"waiting: {', '.join(others)}")
    if missing := sum(not alarm.cleared for alarm in book.alarms.values()):
        parts.append(f"{missing} absent: steward status")
    if book.doubted:
        parts.append("the clock leapt and nothing may leave: steward answer clock right, or set it")
    if book.stopped:
        parts.append("nothing may leave: steward resume")
    if coming := next_firing(book, zone, now=now):
        parts.append(f"next: {coming}")
    return "; ".join(parts)


def next_firing(book: State, zone: str, *, now: datetime) -> str:
    """The schedule that fires next and when; empty without one."""
    from zoneinfo import ZoneInfo

    coming = min(((due, playbook) for (playbook, _), (due, _) in book.expected.items() if due), default=None)
    if coming is None:
        return ""
    at, here = moment(coming[0]).astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    return f"{coming[1]} at {at:%H:%M}" if at.date() == here.date() else f"{coming[1]} at {at:%Y-%m-%d %H:%M}"
