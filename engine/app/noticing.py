"""What stirs in the workspace while it is up: hints of new files from the file system, and moves of the deploy branch.

A hint only says *look*: what is there is read again and compared by content, so that a lost or doubled hint loses and doubles nothing.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.model.ports import Arrival, Source

# Without any hint everything is looked at this often, in seconds: an overflowing or absent file-system queue costs only time.
RESCAN_SECONDS = 30.0
# A burst of hints is over when none came for this long.
QUIET_SECONDS = 0.01
# A file nobody closed before our eyes is taken once it has not changed for this long.
SETTLED_SECONDS = 1.0
# How often the deploy branch is looked at.
BRANCH_SECONDS = 1.0


@dataclass(slots=True)
class Eyes:
    """Collects hints from any thread. `poke` wakes the loop."""

    root: Path
    poke: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    unsettled: bool = False
    _closed: set[str] = field(default_factory=set)
    _whole: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stirred: float | None = 0.0
    _scanned: float = float("-inf")

    def hint(self, path: str, *, whole: bool) -> None:
        """Something happened to a path; `whole`: its writer is done with it."""
        with self._lock:
            self._stirred = self.clock()
            if whole:
                self._closed.add(os.path.relpath(path, self.root))
        self.poke()

    def look(self) -> bool:
        """Whether the sources should be read now."""
        now = self.clock()
        with self._lock:
            quiet = self._stirred is not None and now - self._stirred >= QUIET_SECONDS
            again = self.unsettled and now - self._scanned >= SETTLED_SECONDS / 2
            if not (quiet or again or now - self._scanned >= RESCAN_SECONDS):
                return False
            self._stirred, self._scanned, self.unsettled = None, now, False
            self._whole, self._closed = self._closed, set()
            return True

    def settled(self, place: str) -> bool:
        """Whether a file is whole: its writer closed it or moved it into place before our eyes, or it has not changed for a second."""
        if place in self._whole:
            return True
        try:
            age = time.time() - os.stat(self.root / place, follow_symlinks=False).st_mtime
        except OSError:
            return True
        if 0 <= age < SETTLED_SECONDS:
            self.unsettled = True
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Port Source: another one, without the files that are still being written."""

    source: Source
    settled: Callable[[str], bool]

    def poll(self, seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """As the other's; what is left out comes with a later look."""
        return (one for one in self.source.poll(seen) if not one.place or self.settled(one.place))

    def head(self, name: str) -> str:
        """As the other's."""
        return self.source.head(name)


class Watch:
    """The file system's own hints for some folders, as long as it is open. Absent where the platform offers none."""

    def __init__(self, eyes: Eyes, folders: Iterable[Path]) -> None:
        self._observer: Any = None
        try:
            from watchdog.events import FileSystemEvent, FileSystemEventHandler
            from watchdog.observers import Observer
        except ImportError:
            return

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.is_directory or event.event_type in {"opened", "closed_no_write"}:
                    return
                moved = event.event_type == "moved"
                path = os.fsdecode(event.dest_path if moved else event.src_path)
                eyes.hint(path, whole=moved or event.event_type == "closed")

        self._observer = Observer()
        for folder in folders:
            self._observer.schedule(Handler(), str(folder), recursive=True)
        self._observer.start()

    @property
    def alive(self) -> bool:
        """Whether hints come at all."""
        return self._observer is not None and self._observer.is_alive()

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


class Branch:
    """The deploy branch, looked at by the files git keeps it in; git itself is asked only when one of them changed.

    Nothing is known of it at first, so that the first answer is yes: what it was when the workspace was opened, nobody wrote down.
    """

    def __init__(self, root: Path, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        git = root / ".git"
        if git.is_file():
            git = root / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = git / "commondir"
        if common.is_file():
            git = (git / common.read_text(encoding="utf-8").strip()).resolve()
        self._files = (git / "refs" / "heads" / name, git / "packed-refs", git / "reftable" / "tables.list")
        self._clock, self._looked = clock, clock()
        self._known: list[tuple[int, int, int] | None] | None = None

    def moved(self) -> bool:
        """Whether it may have moved since it was last asked; at most once a second.

        The marks are taken before anybody reads the branch: a move in between is seen with the next look.
        """
        if self._clock() - self._looked < BRANCH_SECONDS:
            return False
        self._looked = self._clock()
        before, self._known = self._known, self._marks()
        return before != self._known

    def _marks(self) -> list[tuple[int, int, int] | None]:
        return [_mark(path) for path in self._files]


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
