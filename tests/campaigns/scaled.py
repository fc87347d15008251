"""`steward` on a clock that runs faster, from a moment that every process of a test shares.

    python -m tests.campaigns.scaled VERB …

``STEWARD_TEST_CLOCK`` says which clock (`Scaled.words`). Both of the engine's clocks go faster, so that none of them seems to leap; what
really takes time (a sleep, a socket, a file that must be quiet) takes as long as ever.
"""

import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from engine.model.health import Mark
from engine.model.values.timestamps import moment, stamp

NAME = "STEWARD_TEST_CLOCK"


@dataclass(frozen=True, slots=True)
class Scaled:
    """A clock that showed `began` when the machine's counting clock stood at `zero` seconds, and goes `speed` times as fast."""

    began: datetime
    zero: float
    speed: float

    @classmethod
    def start(cls, began: datetime, speed: float) -> Self:
        """One that shows `began` now."""
        return cls(began.astimezone(UTC), time.monotonic(), speed)

    @classmethod
    def of(cls, words: str) -> Self:
        """What `words` says."""
        began, zero, speed = words.split(" ")
        return cls(moment(began), float(zero), float(speed))

    @property
    def words(self) -> str:
        """For the environment of another process of this machine."""
        return f"{stamp(self.began)} {self.zero!r} {self.speed!r}"

    def now(self) -> datetime:
        """The moment it shows."""
        return self.began + timedelta(seconds=(time.monotonic() - self.zero) * self.speed)

    def mark(self) -> Mark:
        """The same moment on a machine whose second clock goes as fast."""
        return Mark(at=stamp(self.now()), boot="scaled", up=int(time.monotonic() * self.speed))

    def seconds(self, length: timedelta) -> float:
        """How long a length of this clock really takes."""
        return length.total_seconds() / self.speed


def launch(argv: list[str]) -> int:
    """Run one command on that clock; its exit code."""
    from engine.app.workspace import clock

    # Before anything else of the engine is imported: whoever asks for the time takes it from there by name.
    assert "engine.app.composition" not in sys.modules
    scaled = Scaled.of(os.environ[NAME])
    clock.present, clock.mark = scaled.now, scaled.mark
    from engine.cli.main import main

    return main(argv)


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
