"""Durations: reading them, writing them, growing them between attempts."""

import re
from datetime import timedelta

_WRITTEN = re.compile(r"(\d{1,6})\s?(ms|s|m|h|d|w)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SIZES = ((86_400, "d"), (3_600, "h"), (60, "m"))


def parse(text: str) -> timedelta | None:
    """`20s`, `5m`, `7d` as a duration; None for anything else."""
    match = _WRITTEN.fullmatch(text.strip())
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def exact(duration: timedelta) -> str:
    """A duration as an operator writes it, in the largest unit that leaves nothing over: 100ms, 20s, 10m, 7d."""
    seconds, fraction = divmod(duration, timedelta(seconds=1))
    if fraction:
        return f"{duration // timedelta(milliseconds=1)}ms"
    for size, unit in _SIZES:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def rough(duration: timedelta) -> str:
    """About how long, in the largest unit that fits: 3 d, 5 h, 20 min, 4 s. Less than nothing is 0 s."""
    seconds = max(int(duration.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def exponential(base: timedelta, attempt: int, longest: timedelta) -> timedelta:
    """The pause after the `attempt`-th attempt in a row (from 1): doubled each time, up to `longest`. Chance is the caller's."""
    # In seconds: a timedelta overflows long before a day was doubled a hundred times.
    seconds = base.total_seconds() * 2.0 ** min(max(attempt - 1, 0), 60)
    return timedelta(seconds=min(seconds, longest.total_seconds()))
