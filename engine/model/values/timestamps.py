"""Moments as text: RFC 3339 in UTC with microseconds, so that text order is time order; for people in the operator's zone."""

import re
from datetime import UTC, datetime, timedelta

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z", re.ASCII)


def stamp(moment: datetime) -> str:
    """The stored form of an aware moment. Raises ValueError on a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def moment(text: str) -> datetime:
    """The aware moment that `stamp` wrote. Raises ValueError on any other text."""
    if not _STAMP.fullmatch(text):
        raise ValueError(f"{text!r} is no stamp")
    # Ten times as fast as strptime, and a pass reads thousands.
    return datetime.fromisoformat(text)


def later(text: str, length: timedelta) -> str:
    """The stamp `length` after another one."""
    return stamp(moment(text) + length)


_IN_WORDS = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.\d+)?Z")


def localized(text: str, zone: str) -> str:
    """The text with each moment of ours (``2026-03-02T12:00Z``) as the operator's clock has it: ``2026-03-02 13:00``."""
    if "Z" not in text:
        return text
    from zoneinfo import ZoneInfo

    def on_the_wall(match: re.Match[str]) -> str:
        try:
            at = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}+00:00").astimezone(
                ZoneInfo(zone)
            )
        except (ValueError, OverflowError):
            return match[0]
        return f"{at:%Y-%m-%d %H:%M:%S}" if match[3] else f"{at:%Y-%m-%d %H:%M}"

    return _IN_WORDS.sub(on_the_wall, text)


def midnight(text: str, zone: str) -> str:
    """The stamp of the next midnight in a time zone, after another one."""
    from zoneinfo import ZoneInfo

    local = moment(text).astimezone(ZoneInfo(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    # A day of the wall clock, not of 24 hours.
    return stamp(start + timedelta(days=1))
