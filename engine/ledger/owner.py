"""Ownership: one process at a time may append, and a stale one finds out.

The lock is `flock` on a file that is never deleted. POSIX record locks would be lost when any part of the process closes any handle of the
file, and two takings inside one process would both succeed; `flock` has neither fault, but a forked child shares it. So every owner's handle
is closed in every forked child at once, and is not inherited by programs started (close-on-exec). Should the file be deleted all the same,
a second owner raises the epoch, which each append of the first one compares. On a network file system a lock is only as good as its server.
"""

import os
import select
import sys
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from engine.ledger.database import connect, translate_errors
from engine.ledger.sql import statements
from engine.ledger.state_dir import StateDir

if TYPE_CHECKING:
    from socket import socket

_POLL = 0.1
_LONGEST_SOCKET_PATH = 100
_STAYS = "up"
_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRecord:
    """Who owns the ledger, as it wrote itself down: good for a message, never for a decision. `stays`: until it is told to end."""

    pid: int
    host: str
    epoch: int
    stays: bool = False


class Owner:
    """The right to append, held until `release` or the end of the process."""

    def __init__(self, state: StateDir, fd: int, epoch: int) -> None:
        self.state, self.epoch, self.pid, self.host = state, epoch, os.getpid(), _host()
        self._fd = fd
        self._socket = _listen(state)
        _owners.add(self)

    @classmethod
    def take(cls, state: StateDir, *, stays: bool = False) -> Self | None:
        """Become the owner, or None when another process is; `stays` is written down for others.

        Raises LedgerError when the state can't be written.
        """
        state.make()
        with translate_errors(state.lock):
            fd = os.open(state.lock, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if not _lock(fd):
                os.close(fd)
                return None
            epoch = _raise_epoch(state)
            with translate_errors(state.lock):
                _write_down(fd, epoch, stays=stays)
            return cls(state, fd, epoch)
        except BaseException:
            os.close(fd)
            raise

    def wait(self, seconds: float) -> bool:
        """Sleep until poked (True) or until `seconds` passed. Without sockets it sleeps at most 0.1 s, so that the caller looks again."""
        if self._socket is None:
            time.sleep(max(0.0, min(seconds, _POLL)))
            return False
        ready, _, _ = select.select([self._socket], [], [], max(0.0, seconds))
        while ready:
            try:
                self._socket.recv(16)
            except BlockingIOError:
                return True
        return False

    def release(self) -> None:
        """Let another process own the ledger; repeating is harmless. Close the ledger first."""
        if self._fd < 0 or os.getpid() != self.pid:
            return
        if self._socket is not None:
            # A new owner's socket can't be hit: the lock is still held.
            self.state.socket.unlink(missing_ok=True)
            self._socket.close()
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
        self._fd, self._socket = -1, None

    def _disown(self) -> None:
        """In a forked child: let go without touching what the parent holds."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def current_owner(state: StateDir) -> OwnerRecord | None:
    """The recorded owner, if it seems alive; None without one. Only `Owner.take` knows for certain."""
    try:
        epoch, pid, host, *flags = state.lock.read_text().split()
    except (OSError, ValueError):
        return None
    if host == _host() and not _alive(int(pid)):
        return None
    return OwnerRecord(pid=int(pid), host=host, epoch=int(epoch), stays=flags == [_STAYS])


def notify_owner(state: StateDir) -> None:
    """Wake the owner, from any thread or process. Nothing happens when there is none: it looks by itself, too."""
    if sys.platform == "win32" or len(os.fsencode(state.socket)) > _LONGEST_SOCKET_PATH:
        return
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        try:
            sender.sendto(b"!", os.fspath(state.socket))
        except OSError:
            return


def _listen(state: StateDir) -> "socket | None":
    # Paths of sockets are short by a limit of the system; without one, `wait` polls.
    if sys.platform == "win32" or len(os.fsencode(state.socket)) > _LONGEST_SOCKET_PATH:
        return None
    import socket

    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        state.socket.unlink(missing_ok=True)
        receiver.bind(os.fspath(state.socket))
        receiver.settimeout(0)
    except OSError:
        receiver.close()
        return None
    return receiver


def _raise_epoch(state: StateDir) -> int:
    sql = statements("ledger")
    db = connect(state.ledger, schema=sql["schema"], version=1, journal="wal")
    try:
        with translate_errors(state.ledger):
            db.execute(sql["add_epoch"], (_host(), os.getpid()))
            return int(db.execute(sql["epoch"]).fetchone()[0])
    finally:
        db.close()


def _lock(fd: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            # Far behind the text, which others must be able to read.
            os.lseek(fd, 1 << 20, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_down(fd: int, epoch: int, *, stays: bool) -> None:
    os.lseek(fd, 0, os.SEEK_SET)
    os.ftruncate(fd, 0)
    os.write(fd, f"{epoch} {os.getpid()} {_host()}{f' {_STAYS}' if stays else ''}\n".encode())


def _host() -> str:
    import platform

    return "".join(platform.node().split()) or "unknown"


def _alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _after_fork() -> None:
    for owner in list(_owners):
        owner._disown()  # noqa: SLF001 - the class's own module
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
