"""The memory process: one per workspace, under a lock in its state folder; it ends after a while without requests.

It answers from the moment it has its lock: `memory-warming` while the search engine is being imported and the notes are encoded,
the reason why it can't when it can't. It holds no secret, starts nothing but git's plumbing, and reaches no network.
"""

import fcntl
import os
import resource
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Protocol

from engine import __version__
from engine.memory import protocol
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.values.canonical_json import Json

_AT_ONCE = 16
_LINE_SECONDS = 5.0
_LOOK = 0.5
_TAKE_OVER = 5.0


class Memory(Protocol):
    """What a memory process does once it is warm; each method of `ops` is named by a request's `op`."""

    @property
    def model(self) -> str:
        """The version of the model it was started for."""

    def warm(self) -> None:
        """Import, load, open; minutes at most. Raises PermanentError."""

    def answer(self, op: str, request: dict[str, Json]) -> dict[str, Json]:
        """Carry out a request. Raises EngineError; KeyError, TypeError or ValueError on one that makes no sense."""


class MemoryServer:
    """Serves `memory` at a socket in `state` until `quit`, or until `idle` seconds passed without a request."""

    def __init__(self, memory: Memory, *, state: Path, idle: float) -> None:
        self._memory, self._state, self._idle = memory, state, idle
        self._starts = state / "memory" / "starts"
        self._failed: EngineError | None = None
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._count = threading.Lock()
        self._under_way, self._last = 0, time.monotonic()

    def serve(self) -> bool:
        """Take the lock and serve. False when another process of this workspace already does."""
        self._starts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._state / "memory.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            path = protocol.address(self._state)
            if not _locked(lock, path):
                return False
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                _bind(listener, path)
                try:
                    self._listen(listener, path)
                finally:
                    path.unlink(missing_ok=True)
                # Ended, not died: only a process that was killed before it was of any use was started in vain.
                self._starts.unlink(missing_ok=True)
        finally:
            os.close(lock)
        return True

    def end(self) -> None:
        """Stop serving soon; any thread."""
        self._ended.set()

    def _listen(self, listener: socket.socket, path: Path) -> None:
        threading.Thread(target=self._warm, daemon=True).start()
        mine = _inode(path)
        listener.settimeout(_LOOK)
        while not self._ended.is_set():
            try:
                link, _ = listener.accept()
            except TimeoutError:
                if self._forgotten() or mine is None or _inode(path) != mine:
                    return
                continue
            with self._count:
                self._under_way += 1
                self._last = time.monotonic()
            threading.Thread(target=self._serve_one, args=(link,), daemon=True).start()
        # From here on no connection is accepted; a process started now waits for the lock.
        path.unlink(missing_ok=True)
        self._drain()

    def _forgotten(self) -> bool:
        with self._count:
            idle = not self._under_way and time.monotonic() - self._last > self._idle
        return idle and (self._ready.is_set() or self._failed is not None)

    def _drain(self) -> None:
        """The answer to `quit` has to leave, and so have those under way."""
        until = time.monotonic() + _LINE_SECONDS
        while self._under_way and time.monotonic() < until:
            time.sleep(0.01)

    def _warm(self) -> None:
        try:
            self._memory.warm()
            self._ready.set()
        except EngineError as problem:
            self._failed = problem
        except Exception as bug:
            self._failed = PermanentError(f"it failed to start: {bug!r}", code="no-memory")
            raise

    def _serve_one(self, link: socket.socket) -> None:
        with link, self._slots:
            link.settimeout(_LINE_SECONDS)
            try:
                request = protocol.receive(link, max_bytes=protocol.MAX_REQUEST)
                if request is None:
                    return
                try:
                    answer = self._answer(request)
                    protocol.send(link, answer, max_bytes=protocol.MAX_ANSWER)
                except EngineError as problem:
                    protocol.send(link, protocol.refusal(problem), max_bytes=protocol.MAX_ANSWER)
            except (EngineError, OSError):
                return
            finally:
                with self._count:
                    self._under_way -= 1
                    self._last = time.monotonic()

    def _answer(self, request: dict[str, Json]) -> dict[str, Json]:
        op = str(request.get("op"))
        mine = {"protocol": protocol.PROTOCOL, "engine": __version__, "model": self._memory.model}
        if differing := [name for name, value in mine.items() if request.get(name) != value]:
            # Whoever asks is newer, or the workspace now names another model: the next one is started for them.
            self.end()
            raise TransientError(f"it is of another {', '.join(differing)} and ends", code="memory-warming")
        if op == "quit":
            self.end()
            return {}
        if op == "status":
            return self._status()
        if self._failed is not None:
            raise self._failed
        if not self._ready.is_set():
            raise TransientError("the memory process is warming up", code="memory-warming")
        try:
            answer = self._memory.answer(op, request)
            self._starts.unlink(missing_ok=True)
            return answer
        except EngineError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise PermanentError(
                f"the request {op!r} makes no sense: {error!r}", code="wrong-argument"
            ) from error
        except MemoryError as error:
            self.end()
            raise TransientError(
                "the memory process ran out of memory and ends", code="memory-warming"
            ) from error
        except Exception as bug:
            # Whatever the search engine raises: who asked has to hear that it will not answer.
            traceback.print_exception(bug)
            raise PermanentError(
                f"the memory process failed at {op!r}: {type(bug).__name__}",
                code="no-memory",
                now_true="Recall finds words only, and says so.",
                way_out="steward rebuild",
            ) from bug

    def _status(self) -> dict[str, Json]:
        base: dict[str, Json] = {"pid": os.getpid(), "model": self._memory.model}
        if self._failed is not None:
            return {**base, "state": "failed", "because": self._failed.message}
        if not self._ready.is_set():
            return {**base, "state": "warming"}
        return {**base, "state": "ready", **self._memory.answer("status", {})}


def confine(memory: int) -> None:
    """Bound what the process may take, and let it reach no network: whatever a library tries is refused."""
    for which, maximum in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        hard = resource.getrlimit(which)[1]
        allowed = maximum if hard == resource.RLIM_INFINITY else min(maximum, hard)
        try:
            resource.setrlimit(which, (allowed, allowed))
        except (ValueError, OSError):
            # Some systems know the limit and refuse to set it.
            continue
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, args: tuple[object, ...]) -> None:
    # For sockets of the file system, the address is a path; for all others a tuple, or a name to look up.
    if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        raise PermissionError("the memory process reaches no network")
    if event in {"socket.connect", "socket.sendto"} and isinstance(args[1], tuple):
        raise PermissionError("the memory process reaches no network")


def _locked(lock: int, path: Path) -> bool:
    """Held by one that serves: not ours. Held by one without a socket, which is on its way in or out: wait for it a little."""
    until = time.monotonic() + _TAKE_OVER
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if path.exists() or time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


def _bind(listener: socket.socket, path: Path) -> None:
    path.unlink(missing_ok=True)
    old_umask = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(old_umask)
    listener.listen(32)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
