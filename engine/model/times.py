"""Moments as text: RFC 3339 in UTC with microseconds, so that text order is time order."""

from datetime import UTC, datetime, timedelta


def stamp(moment: datetime) -> str:
    """The stored form of an aware moment. Raises ValueError on a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The aware moment that `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def later(text: str, length: timedelta) -> str:
    """The stamp `length` after another one."""
    return stamp(moment(text) + length)


def midnight(text: str, zone: str) -> str:
    """The stamp of the next midnight in a time zone, after another one."""
    from zoneinfo import ZoneInfo

    local = moment(text).astimezone(ZoneInfo(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    # A day of the wall clock, not of 24 hours.
    return stamp(start + timedelta(days=1))
