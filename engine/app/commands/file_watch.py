"""What stirs in the workspace while it is up: hints of new files from the file system, and moves of the deploy branch.

A hint only says *look there*: what is there is read again and compared by content, so that a lost or doubled hint loses and doubles nothing.
"""

import errno
import logging
import os
import signal
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.model.ports import Arrival, FileSource, Source

# Without any hint everything is looked at this often, in seconds: an overflowing or absent file-system queue costs only time.
RESCAN_SECONDS = 30.0
# A burst of hints is over when none came for this long; after a large one (the queue may have overflowed) everything is looked at.
QUIET_SECONDS = 0.01
CALM_SECONDS = 0.25
LARGE = 256
# A file counts once it has not changed for this long: exports, downloads and mail programs open what they write more than once. One that
# a process has open for writing counts after the second time.
SETTLED_SECONDS = 3.0
STALLED_SECONDS = 30.0
_AGAIN_SECONDS = 1.0
_GRACE_SECONDS = 0.05
# How often the deploy branch is looked at.
BRANCH_SECONDS = 1.0


@dataclass(slots=True)
class ChangeTracker:
    """Collects hints from any thread. `poke` wakes the loop.

    `places` is what the present look is about, below the root; None means everything.
    """

    root: Path
    poke: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    places: frozenset[str] | None = None
    _hinted: set[str] = field(default_factory=set)
    _unsettled: dict[str, float] = field(default_factory=dict)
    _stir: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _at_once: bool = False
    _all: bool = True
    _stirred: float | None = None
    _wide: float | None = None
    _burst: int = 0
    _hint: float = float("-inf")
    _scanned: float = float("-inf")

    def hint(self, path: str, *, moved: bool) -> None:
        """Something happened to a file; `moved`: it was moved there, and may have been whole for long."""
        place = os.path.relpath(path, self.root)
        if place.startswith(".") or "/." in place:
            return
        with self._lock:
            now, awake = self.clock(), self._at_once
            self._burst = self._burst + 1 if now - self._hint < CALM_SECONDS else 1
            self._hint = now
            if self._burst >= LARGE:
                self._wide = now
            self._hinted.add(place)
            if moved:
                self._at_once = True
            else:
                self._stirred = now
        if moved and not awake:
            self.poke()

    def news(self) -> None:
        """A source other than files has news."""
        with self._lock:
            self._at_once = True
        self.poke()

    def everything(self, *, calm: bool = False) -> None:
        """More happened than can be told: look at all of it, at once or, `calm`, when it is over."""
        with self._lock:
            if calm:
                self._wide = self.clock()
            else:
                self._all = True

    def look(self) -> bool:
        """Whether the sources should be read now; then `places` says where."""
        now = self.clock()
        with self._lock:
            calm = self._wide is not None and now - self._wide >= CALM_SECONDS
            wide = self._all or calm or now - self._scanned >= RESCAN_SECONDS
            quiet = self._stirred is not None and now - self._stirred >= QUIET_SECONDS
            again = {place for place, due in self._unsettled.items() if due <= now}
            if not (wide or quiet or again or self._at_once):
                return False
            self.places = None if wide else frozenset(self._hinted | again)
            for place in list(self._unsettled) if wide else self.places or ():
                self._unsettled.pop(place, None)
            self._hinted = set()
            self._at_once, self._stirred = False, None
            if wide:
                self._all, self._wide, self._scanned = False, None, now
            return True

    def settled(self, place: str) -> bool:
        """Whether a file is whole. What is not is looked at again when it may be."""
        wait = self.unsettled(place)
        if wait:
            self.again(place, wait)
        return not wait

    def unsettled(self, place: str) -> float:
        """In how many seconds a file may be whole; 0 when it is: it has not changed for three seconds and no process has it open for writing.

        Its modification time says when it changed last. One in the future was written under another clock: then the changes seen here count.
        """
        path = self.root / place
        try:
            info = os.stat(path, follow_symlinks=False)
        except OSError:
            # It is gone, or never was a file of the workspace.
            self._stir.pop(place, None)
            return 0.0
        if not stat.S_ISREG(info.st_mode):
            return 0.0
        age = time.time() - info.st_mtime
        if age < 0:
            now, facts = self.clock(), (info.st_size, info.st_mtime_ns)
            with self._lock:
                earlier_facts, since = self._stir.get(place, (None, now))
                since = since if earlier_facts == facts else now
                self._stir[place] = (facts, since)
            age = now - since
        if age < SETTLED_SECONDS:
            return SETTLED_SECONDS - age
        self._stir.pop(place, None)
        return _AGAIN_SECONDS if age < STALLED_SECONDS and being_written(path) else 0.0

    def again(self, place: str, wait: float = 0.0) -> None:
        """Look there again, in so many seconds."""
        with self._lock:
            self._unsettled[place] = self.clock() + wait


def being_written(path: Path) -> bool | None:
    """Whether a process has a file open for writing; None where the system does not tell. Linux does, of files of the user on its own disks.

    The kernel grants a lease on reading only while there is no writer. A process that opens the file while the lease is held waits for
    its end, and we get a signal whose default is death: without a handler for it nothing is asked.
    """
    if sys.platform != "linux" or signal.getsignal(signal.SIGIO) in {signal.SIG_DFL, None}:
        return None
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(fd)
    return False


class SettledSource:
    """Port Source: wraps another source, reads it where something changed, and leaves out files that are still being written."""

    def __init__(self, source: Source, eyes: ChangeTracker) -> None:
        self._source, self._eyes = source, eyes
        self._placed = source if isinstance(source, FileSource) else None

    def poll(self, seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """As the other's; what is left out comes with a later look."""
        for arrival in self._found(seen):
            if not arrival.place or (self._eyes.settled(arrival.place) and self._same(arrival)):
                yield arrival

    def _found(self, seen: Callable[[str], bool]) -> Iterable[Arrival]:
        if self._placed is None or self._eyes.places is None:
            return self._source.poll(seen)
        # What is still growing is not even read.
        return self._placed.among([place for place in self._eyes.places if self._eyes.settled(place)], seen)

    def _same(self, arrival: Arrival) -> bool:
        """Asked once no process writes any more: the file may have been read half-written before."""
        if self._placed is None or self._placed.same(arrival):
            return True
        self._eyes.again(arrival.place)
        return False

    def head(self, name: str) -> str:
        """As the other's."""
        return self._source.head(name)


class SettlingSource:
    """Port Source for one pass: wraps another source, and waits once for all of its files that just changed.

    What is not quiet then is left with the reason `unsettled`, for the next pass. `wait` lets so many seconds pass.
    """

    def __init__(self, source: Source, eyes: ChangeTracker, wait: Callable[[float], None]) -> None:
        self._source, self._eyes, self._wait = source, eyes, wait

    def poll(self, seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """As the other's, quiet files first."""
        waits: list[float] = []
        for arrival in self._source.poll(seen):
            wait = self._eyes.unsettled(arrival.place) if arrival.place else 0.0
            if wait:
                waits.append(wait)
            else:
                yield arrival
        if not waits:
            return
        end = self._eyes.clock() + min(max(waits), SETTLED_SECONDS) + _GRACE_SECONDS
        while (left := end - self._eyes.clock()) > 0:
            self._wait(left)
        # Read again: what was read before may have been half of it.
        for arrival in self._source.poll(seen):
            late = bool(arrival.place) and self._eyes.unsettled(arrival.place) > 0
            yield replace(arrival, ignored="unsettled") if late else arrival

    def head(self, name: str) -> str:
        """As the other's."""
        return self._source.head(name)


class _Overflow(logging.Handler):
    """Hears the file system's observer complain: what it lost may be anything."""

    def __init__(self, eyes: ChangeTracker) -> None:
        super().__init__(logging.WARNING)
        self._eyes = eyes

    def emit(self, _record: logging.LogRecord) -> None:
        self._eyes.everything(calm=True)


class Watch:
    """The file system's own hints for a workspace, as long as it is open. `trouble` says why there are none of some folders."""

    def __init__(self, eyes: ChangeTracker, root: Path, *, passed_over: Callable[[Path], bool]) -> None:
        """All folders of the top but those `passed_over`; one that is made later, too."""
        self._observer: Any = None
        self.trouble = ""
        try:
            from watchdog import events as w
            from watchdog.observers import Observer
        except ImportError:
            self.trouble = "watchdog is not installed"
            return
        # Its own words are for programmers; that the queue overflowed is a hint like any other.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="watchdog")
        log = logging.getLogger("watchdog")
        log.handlers, log.propagate = [_Overflow(eyes)], False
        event_types = [
            w.FileCreatedEvent, w.FileModifiedEvent, w.FileClosedEvent, w.FileMovedEvent, w.DirCreatedEvent,
            w.DirMovedEvent,
        ]  # fmt: skip

        class WatchHandler(w.FileSystemEventHandler):
            def on_any_event(self, event: w.FileSystemEvent) -> None:
                moved = event.event_type == "moved"
                path = os.fsdecode(event.dest_path if moved else event.src_path)
                if event.is_directory:
                    eyes.everything(calm=True)
                    watch(Path(path))
                else:
                    eyes.hint(path, moved=moved)

        handler, watched = WatchHandler(), dict[Path, Any]()

        def watch(folder: Path) -> None:
            if folder.parent != root or passed_over(folder):
                return
            if (stale := watched.pop(folder, None)) is not None:
                # It went away and is there again: the eye on the old one sees nothing any more.
                observer.unschedule(stale)
            try:
                watched[folder] = observer.schedule(
                    handler, str(folder), recursive=True, event_filter=event_types
                )
            except FileNotFoundError:
                return
            except OSError as error:
                self.trouble = f"{folder.name}: {error.strerror}"

        try:
            observer = Observer()
            observer.schedule(handler, str(root), event_filter=event_types)
            observer.start()
        except OSError as error:
            # Each user may have only so many of them.
            self.trouble = error.strerror or str(error)
            return
        self._observer = observer
        for folder in sorted(root.iterdir()):
            if folder.is_dir():
                watch(folder)

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


class DeployBranch:
    """The deploy branch, looked at by the files git keeps it in; git itself is asked only when one of them changed.

    Nothing is known of it at first, so that the first answer is yes: its place when the workspace was opened was not recorded.
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

        The marks are taken before the branch is read: a move in between is seen with the next look.
        """
        if self._clock() - self._looked < BRANCH_SECONDS:
            return False
        self._looked = self._clock()
        previous, self._known = self._known, self._marks()
        return previous != self._known

    def _marks(self) -> list[tuple[int, int, int] | None]:
        return [_mark(path) for path in self._files]


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_ino, info.st_size, info.st_mtime_ns
