"""What a conversation keeps in mind for a while: a few entries per run and subject, sealed, small, and gone when their time is over.

An entry belongs to a run, the subject it is about and the conversation (the thread's digest). Entries of one subject together have a cap, and so has
all of it: the oldest go first. They are sealed under the subject's key, so that erasing the person takes them along. What can't
be read is as if it were not there: nothing that runs may depend on being remembered.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from engine.model.effects import Call
from engine.model.errors import LedgerError, PermanentError
from engine.model.values.canonical_json import Json, decode, encode
from engine.model.values.timestamps import later, stamp

LIFE = timedelta(days=3)
MAX_ENTRY, MAX_SUBJECT, MAX_ALL = 16_000, 64_000, 8_000_000
"""Bytes of one sealed entry, of one subject's, and of everybody's."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    run TEXT, subject TEXT, thread TEXT, name TEXT, made TEXT, until TEXT, sealed BLOB, PRIMARY KEY (run, name)
) WITHOUT ROWID
"""


class Seals(Protocol):
    """What seals for one subject."""

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """The sealed form."""

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The plaintext. Raises LedgerError when it was altered."""


class Ciphers(Protocol):
    """The key store, as far as it is needed here."""

    def cipher(self, subject: str) -> Seals:
        """What seals under the subject's key. Raises PermanentError when it was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingEntry:
    """Something kept in mind by a run until a stamp."""

    run: str
    name: str
    value: Json
    until: str


class Working:
    """The working memory in one file. Safe to use from several threads and processes. `file` may be deleted at any time."""

    def __init__(self, file: Path, keys: Ciphers) -> None:
        self._file, self._keys = file, keys
        self._lock = threading.Lock()

    def put(self, call: Call, name: str, value: Json) -> None:
        """Keep a value in mind for the call's conversation. Nothing without a subject and a thread, or when it is too large."""
        subject, thread = str(call.subject or ""), _thread(call)
        if not subject or not thread:
            return
        try:
            sealed = self._keys.cipher(subject).seal(encode(value), _context(str(call.run), name))
        except PermanentError:
            return
        if len(sealed) > MAX_ENTRY:
            return
        now = stamp(call.at)
        with _forgiving(), self._open() as base:
            _sweep(base, now)
            base.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
                (str(call.run), subject, thread, name, now, later(now, LIFE), sealed),
            )
            _shrink(base, "WHERE subject = ?", (subject,), MAX_SUBJECT)
            _shrink(base, "", (), MAX_ALL)

    def find(self, call: Call, name: str) -> tuple[Json, ...]:
        """What earlier runs about the same subject kept in mind of the same conversation under this name, newest first."""
        condition = "subject = ? AND thread = ? AND name = ? AND run <> ? AND until > ?"
        values = (str(call.subject or ""), _thread(call), name, str(call.run), stamp(call.at))
        return tuple(entry.value for entry in self._entries(condition, values))

    def of_run(self, run: str, *, now: str) -> tuple[WorkingEntry, ...]:
        """What a run keeps in mind at a stamp, oldest first."""
        return tuple(reversed(self._entries("run = ? AND until > ?", (run, now))))

    def sweep(self, now: str) -> None:
        """Remove what is over."""
        if self._file.exists():
            with _forgiving(), self._open() as base:
                _sweep(base, now)

    def _entries(self, condition: str, values: tuple[str, ...]) -> list[WorkingEntry]:
        if not self._file.exists():
            return []
        entries: list[WorkingEntry] = []
        rows: list[tuple[str, str, str, str, bytes]] = []
        with _forgiving(), self._open() as base:
            rows = base.execute(
                f"SELECT run, subject, name, until, sealed FROM entries WHERE {condition} ORDER BY made DESC, run, name",
                values,
            ).fetchall()
        for run, subject, name, until, sealed in rows:
            try:
                plaintext = self._keys.cipher(subject).unseal(sealed, _context(run, name))
                entries.append(WorkingEntry(run=run, name=name, value=decode(plaintext), until=until))
            except (PermanentError, LedgerError, ValueError):
                continue
        return entries

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, created anew when it is not a database; where that fails too, a database in memory."""
        with self._lock:
            base = _connected(self._file)
            try:
                with base:
                    yield base
            finally:
                base.close()


@contextmanager
def _forgiving() -> Iterator[None]:
    """What the file can't keep or give is as if it had never been kept."""
    try:
        yield
    except sqlite3.Error:
        return


def _connected(file: Path) -> sqlite3.Connection:
    for _ in range(2):
        base = None
        try:
            # Private from the first byte, and what is deleted is overwritten.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))
            base = sqlite3.connect(file, timeout=5.0)
            base.execute("PRAGMA secure_delete = ON")
            base.execute(_SCHEMA)
        except sqlite3.OperationalError:
            # In use, or the disk is full: it is not ours to throw away.
            break
        except sqlite3.DatabaseError:
            if base is not None:
                base.close()
            file.unlink(missing_ok=True)
        except OSError:
            break
        else:
            return base
    base = sqlite3.connect(":memory:")
    base.execute(_SCHEMA)
    return base


def _sweep(base: sqlite3.Connection, now: str) -> None:
    base.execute("DELETE FROM entries WHERE until <= ?", (now,))


def _shrink(base: sqlite3.Connection, condition: str, values: tuple[str, ...], max_bytes: int) -> None:
    """Drop the oldest entries until the remaining ones fit `max_bytes`."""
    rows = base.execute(
        f"SELECT run, name, length(sealed) FROM entries {condition} ORDER BY made DESC, run, name", values
    ).fetchall()
    total = 0
    for run, name, size in rows:
        total += size
        if total > max_bytes:
            base.execute("DELETE FROM entries WHERE run = ? AND name = ?", (run, name))


def _thread(call: Call) -> str:
    thread = call.trigger.get("thread")
    return thread if isinstance(thread, str) else ""


def _context(run: str, name: str) -> str:
    return f"working/{run}/{name}"
