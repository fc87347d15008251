"""Time that passes only when the code waits for it or a test moves it on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from engine.kernel.resilience.backoff import share
from engine.model.health import Mark
from engine.model.values.timestamps import stamp

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning. Any moment would do; a fixed one makes two runs alike."""
_MIN = timedelta(milliseconds=1)


def jitter() -> Callable[[], float]:
    """Numbers above 0, at most 1, that look like chance and are the same each time: how long a breaker stays open decides what one pass
    waits out.
    """
    numbers = count()
    return lambda: share("jitter", next(numbers))


class VirtualClock:
    """Port Clock. Waiting takes no real time, so a hold of twenty seconds and an expiry of a week cost the same.

    `moved` hears every new moment before anybody can act at it: a provider with a clock of its own keeps the same time.
    """

    def __init__(
        self,
        start: datetime = START,
        *,
        moved: Callable[[datetime], None] | None = None,
        machine: str = "",
        leapt: timedelta = timedelta(0),
    ) -> None:
        """`machine` and `leapt` are those of a clock that another process left: what `mark` tells of, and how far it was set by then."""
        self._now = start.astimezone(UTC)
        self._leapt = leapt
        self.moved = moved
        self._boots, self.machine = 1, machine

    def now(self) -> datetime:
        """The moment it is."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let that much time pass. Some always does, so that no loop waits for ever at the same moment."""
        self._move(max(timedelta(seconds=seconds), _MIN))

    def advance(self, length: timedelta) -> None:
        """Let `length` pass."""
        self._move(length)

    def leap(self, length: timedelta) -> None:
        """Set the clock by `length`, or back: no time passes."""
        self._leapt += length
        self._move(length)

    def reboot(self) -> None:
        """The machine is started anew: the clock that only counts begins at nothing."""
        self._boots += 1

    def mark(self) -> Mark:
        """One machine that was started long ago. Nothing is known of it unless `machine` is given a name: real processes may share its ledger."""
        if not self.machine:
            return Mark(at=stamp(self._now))
        up = self._now - self._leapt - START + timedelta(days=1000)
        return Mark(at=stamp(self._now), boot=f"{self.machine}-{self._boots}", up=int(up.total_seconds()))

    def _move(self, length: timedelta) -> None:
        self._now += length
        if self.moved is not None:
            self.moved(self._now)
