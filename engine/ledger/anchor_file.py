"""The anchor beside the ledger: a chain can't see records cut off at its end.

Two slots of one fixed record are overwritten in turn, so that a torn write leaves the other one. A slot that lags is normal.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from engine.ledger.chain import Tail
from engine.ledger.database import translate_errors
from engine.ledger.fsync import force
from engine.model.values.canonical_json import sha256

SYNC_EVERY = timedelta(seconds=1)
_SLOT = 4096  # a page each: one torn page can't take both
_MAGIC = "steward-head-1"


def _record(tail: Tail, epoch: int) -> bytes:
    text = f"{_MAGIC} {tail.seq:020d} {tail.hash.hex()} {epoch:010d}"
    return f"{text} {sha256(text.encode())[:16]}\n".encode()


def _parsed(slot: bytes) -> Tail | None:
    line = slot.partition(b"\n")[0].decode("ascii", "replace")
    text, _, check = line.rpartition(" ")
    parts = text.split(" ")
    if sha256(text.encode())[:16] != check or len(parts) != 4 or parts[0] != _MAGIC:
        return None
    return Tail(int(parts[1]), bytes.fromhex(parts[2]))


def read_head(path: Path) -> Tail | None:
    """What the anchor names, or None when it is missing or unreadable in both slots."""
    try:
        raw_bytes = path.read_bytes()
    except OSError:
        return None
    tails = [tail for start in (0, _SLOT) if (tail := _parsed(raw_bytes[start : start + 256])) is not None]
    return max(tails, default=None)


class HeadFile:
    """The anchor, open for writing by the owner."""

    def __init__(self, path: Path, epoch: int) -> None:
        self._path, self._epoch, self._next, self._dirty = path, epoch, 0, False
        self._synced: datetime | None = None
        with translate_errors(path):
            self._fd = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)

    def write(self, tail: Tail) -> None:
        """Name the chain's end; synced later."""
        with translate_errors(self._path):
            os.lseek(self._fd, self._next * _SLOT, os.SEEK_SET)
            os.write(self._fd, _record(tail, self._epoch))
        self._next, self._dirty = 1 - self._next, True

    def sync(self, at: datetime | None) -> None:
        """Force it to the disk when a second passed since the last time, or now without `at`."""
        if not self._dirty or (
            at is not None and self._synced is not None and abs(at - self._synced) < SYNC_EVERY
        ):
            return
        with translate_errors(self._path):
            force(self._fd)
        self._dirty, self._synced = False, at or self._synced

    def close(self) -> None:
        """Sync and let go."""
        try:
            self.sync(None)
        finally:
            os.close(self._fd)
