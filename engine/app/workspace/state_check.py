"""Gathers what the verdict on the state rests on (:mod:`engine.model.health`), and keeps what the last look at the stored bytes found.

The verdicts are in the file ``health`` of the state folder and never in the ledger, which they judge. The file has its full
size from the start and is written in place, so that a full disk can't keep a bad verdict from being written down.
"""

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from engine.app.workspace import anchor
from engine.app.workspace.clock import present, present_stamp
from engine.app.workspace.workspace import Workspace
from engine.ledger import Keys, Ledger, Report, StateDir, quick_check, sample
from engine.model.errors import LedgerError
from engine.model.health import Check, CheckName, HealthFacts, Ill, judge, leap
from engine.model.ports import Clock
from engine.model.state.state import State
from engine.model.values.canonical_json import sha256
from engine.model.values.timestamps import moment

SIZE = 4096
EVERY = timedelta(days=1)
_LONGEST = 600


class Verdicts:
    """What each check found last. Read again whenever the file changed; any process may write."""

    def __init__(self, state: StateDir) -> None:
        self._path = state.health
        self._seen: tuple[int, int] | None = None
        self._checks: dict[str, Check] = {}

    def all(self) -> tuple[Check, ...]:
        """By name. A file that can't be read is a problem of its own: a look at everything writes it anew."""
        try:
            info = self._path.stat()
        except OSError:
            return ()
        if (info.st_mtime_ns, info.st_size) != self._seen:
            self._checks, self._seen = _read(self._path), (info.st_mtime_ns, info.st_size)
        return tuple(self._checks[name] for name in sorted(self._checks))

    def of(self, name: CheckName) -> Check | None:
        """What one check found last; None when it was never made."""
        return next((check for check in self.all() if check.name == name), None)

    def put(self, *checks: Check) -> None:
        """Write them down, durably, beside those of other names. Raises LedgerError when the file can't be written."""
        try:
            with _locked(self._path) as fd:
                known = _parsed(os.pread(fd, SIZE, 0))
                for check in checks:
                    known[check.name] = check
                os.pwrite(fd, _packed(known), 0)
                os.fsync(fd)
        except OSError as error:
            raise LedgerError(
                f"{self._path} can't be written: {error.strerror}",
                code="read-only",
                now_true="what was found could not be written down",
                way_out="make room, or make that file writable; until then: steward stop",
            ) from error
        self._seen = None


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def _packed(checks: dict[str, Check]) -> bytes:
    rows = [[check.name, check.at, check.problem[:_LONGEST]] for check in checks.values()]
    text = json.dumps(rows, ensure_ascii=True)
    return f"{sha256(text.encode())[:16]} {text}\n".encode().ljust(SIZE)


def _parsed(content: bytes) -> dict[str, Check]:
    digest, _, text = content.rstrip().partition(b" ")
    if not content.strip(b"\0 "):
        return {}
    if sha256(text)[:16].encode() != digest:
        unreadable = Check(name="verify", at="", problem="what the last look found can't be read")
        return {"verify": unreadable}
    return {name: Check(name=name, at=at, problem=problem) for name, at, problem in json.loads(text)}


def _read(path: Path) -> dict[str, Check]:
    try:
        return _parsed(path.read_bytes()[:SIZE])
    except OSError as error:
        return {"verify": Check(name="verify", at="", problem=f"{path.name} can't be read: {error.strerror}")}


class Health:
    """Asked by the owner before every effect, and by commands that show the status."""

    def __init__(self, workspace: Workspace, ledger: Ledger, clock: Clock | None = None) -> None:
        """With the owner's `clock`; a reader goes by what the owner wrote down of it."""
        self._workspace, self._ledger, self._clock = workspace, ledger, clock
        self._verdicts = Verdicts(workspace.state)

    def ask(self, book: State) -> Ill | None:
        """Why no effect may leave, or None. Costs a look at one file's date."""
        facts = HealthFacts(
            trouble=self._ledger.trouble,
            checks=self._verdicts.all(),
            leap=timedelta(seconds=book.doubted) or self._leap(book),
        )
        return judge(facts, waived=book.waived)

    def _leap(self, book: State) -> timedelta:
        return timedelta(0) if self._clock is None else leap(book.clock, book.seen, self._clock.mark())

    def sampled(self, keys: Keys) -> None:
        """Look at a sample and write it down when something is wrong, at the start of a process that lets effects leave."""
        if problem := sample(self._workspace.state, keys, random.random):
            self._verdicts.put(Check(name="sample", at=present_stamp(), problem=problem))
        elif not self._workspace.state.health.exists():
            self._verdicts.put()


def verified(workspace: Workspace, ledger: Ledger) -> tuple[Report, str]:
    """Look at everything that is stored and write the verdict down; what was seen, and what is wrong with it or nothing.

    Raises LedgerError when what was found can't be written down.
    """
    report = ledger.verify()
    problem = (
        report.problem
        or ledger.trouble
        or anchor.check(workspace.root, ledger)
        or quick_check(workspace.state)
    )
    at = present_stamp()
    names: tuple[CheckName, ...] = ("verify",) if problem else ("verify", "quick-check", "sample")
    Verdicts(workspace.state).put(*(Check(name=name, at=at, problem=problem) for name in names))
    return report, problem


def checked(workspace: Workspace) -> str:
    """SQLite's quick check, written down; what it found."""
    problem = quick_check(workspace.state)
    Verdicts(workspace.state).put(Check(name="quick-check", at=present_stamp(), problem=problem))
    return problem


@contextmanager
def daily(workspace: Workspace, say: Callable[[str], None], woken: Callable[[], None]) -> Iterator[None]:
    """Check once now and then each day beside what goes on; `say` what is wrong, and wake the owner."""
    over = threading.Event()
    verdicts = Verdicts(workspace.state)

    def look() -> None:
        try:
            problem = checked(workspace)
        except LedgerError as error:
            problem = error.message
        if problem:
            say(f"effects are held: {problem}\n  steward doctor")
            woken()

    def go_on() -> None:
        while not over.wait(60.0):
            last = verdicts.of("quick-check")
            if last is None or present() - moment(last.at) >= EVERY:
                look()

    look()
    thread = threading.Thread(target=go_on, name="daily-check", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
