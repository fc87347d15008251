"""Time that passes only when somebody waits for it or moves it on."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning. Any moment would do; a fixed one makes two runs alike."""
_LEAST = timedelta(milliseconds=1)


class VirtualClock:
    """Port Clock. Waiting takes no real time, so a hold of twenty seconds and an expiry of a week cost the same."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it is."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let that much time pass. Some always does, so that nobody waits for ever at the same moment."""
        self._now += max(timedelta(seconds=seconds), _LEAST)

    def advance(self, length: timedelta) -> None:
        """Move on by `length`; a negative one is a clock set back."""
        self._now += length
