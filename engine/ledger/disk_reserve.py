"""Space set aside for ending cleanly: the outcome of an effect that is under way must find room on a full disk."""

import contextlib
import errno
import os
from datetime import datetime, timedelta
from pathlib import Path

SIZE = 4 * 1024 * 1024
_AGAIN = timedelta(seconds=10)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How a system says that a disk, or one's part of it, is full."""


class Reserve:
    """A file of 4 MB that is given back to the file system when a commit finds no room."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tried: datetime | None = None
        self.held = False
        self.hold(None)

    def hold(self, at: datetime | None) -> None:
        """Set the space aside (again), at most every ten seconds; quietly not possible on a full disk."""
        if self.held or (at and self._tried and at - self._tried < _AGAIN):
            return
        self._tried = at
        try:
            if not self._path.exists() or self._path.stat().st_size < SIZE:
                _fill(self._path)
            self.held = True
        except OSError:
            self._path.unlink(missing_ok=True)

    def release(self) -> bool:
        """Give the space back; whether there was any."""
        if not self.held:
            return False
        self.held = False
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        return True


def has_room(folder: Path) -> bool:
    """Whether the disk there takes the reserve, and as much again to write."""
    tried = [folder / f".room-{letter}" for letter in "ab"]
    try:
        for path in tried:
            _fill(path)
    except OSError:
        return False
    finally:
        for path in tried:
            path.unlink(missing_ok=True)
    return True


def _fill(path: Path) -> None:
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, SIZE)
            return
        for _ in range(64):
            os.write(fd, bytes(SIZE // 64))
    finally:
        os.close(fd)
