"""`steward up` as a process of its own, for tests and campaigns that stop, freeze or kill it."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from engine.model.events import events as e
from engine.model.values.canonical_json import Json
from engine.model.values.ids import ValueId
from engine.testing.scenario import Scenario
from tests.simulate.terminal import environment


class Standing:
    """A company whose engine is up, or down. What it says goes to a file, so that it never waits for a reader."""

    def __init__(self, company: Scenario, *, module: str = "engine.cli.main", **more: str) -> None:
        self.company, self._module, self._more = company, module, more
        self.process: subprocess.Popen | None = None
        self._said = 0

    @property
    def _log(self) -> Path:
        return self.company.folder / "up.log"

    def log(self) -> str:
        """Everything that was said since the first start."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def begin(self) -> None:
        """Start it; it may not stand yet."""
        self._said = len(self.log())
        env = environment(self.company.env, PYTHONUNBUFFERED="1", **self._more)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module, "up"], cwd=self.company.root, env=env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def stands(self) -> bool:
        """Whether it said that it is up."""
        return "up:" in self.log()[self._said :]

    def up(self) -> None:
        """Start it and wait until it stands."""
        self.begin()
        self.until(lambda: self.stands)

    def send(self, how: signal.Signals) -> None:
        """A signal."""
        if self.process is not None:
            self.process.send_signal(how)

    def down(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end: {self.log()[-3000:]}") from None

    def until(self, true: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for what the process does by itself; the seconds are only an end to waiting."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end or self.process is None or self.process.poll() is not None:
                raise AssertionError(self.log()[-3000:] or "it says nothing")
            time.sleep(0.05)

    def quiet(self, seconds: float) -> None:
        """Wait until nothing has been written to the ledger for so long."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(0.2)
            now = self.events()
            if now != before:
                before, since = now, time.monotonic()

    def events(self, type_: str = "%") -> int:
        """How many events there are, of one type; counted where they lie, for reading them takes the processor the engine needs."""
        file = self.company.workspace().state.ledger
        if not file.exists():
            return 0
        with closing(sqlite3.connect(file, timeout=10)) as db:
            return int(db.execute("SELECT count(*) FROM events WHERE type LIKE ?", (type_,)).fetchone()[0])

    def started(self, trigger: str = "") -> list[dict[str, Json]]:
        """What each run began with, in their order; of one kind of trigger where one is named."""
        with self.company.reading() as reading:
            made = [event.body for event in reading.ledger.events() if isinstance(event.body, e.RunCreated)]
            found = [
                reading.ledger.unseal(ValueId(one.event))
                for one in made
                if one.event and trigger in {"", one.trigger}
            ]
        return [one for one in found if isinstance(one, dict)]
