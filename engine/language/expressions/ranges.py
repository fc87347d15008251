"""The shortest and the longest duration each key takes, both included: for the reader, the schemas and the messages."""

from datetime import timedelta

from engine.model.values.durations import exact

_SECOND, _DAY, _WEEK, _YEAR = timedelta(seconds=1), timedelta(days=1), timedelta(days=7), timedelta(days=365)

RANGES: dict[str, tuple[timedelta, timedelta]] = {
    "expires-after": (timedelta(minutes=1), _YEAR),
    "undo-within": (_SECOND, timedelta(minutes=10)),
    "timeout": (_SECOND, _YEAR),
    "pause": (_SECOND, _DAY),
    "repeat.pause": (_SECOND, _WEEK),
    "retry.base": (timedelta(milliseconds=100), _DAY),
    "retry.max": (_SECOND, _WEEK),
}
"""Key, after the key it stands under where another of its name has other limits."""


def words(key: str) -> str:
    """What is wanted of a key's value: ``a length of 1s to 10m``."""
    shortest, longest = RANGES[key]
    return f"a length of {exact(shortest)} to {exact(longest)}"
