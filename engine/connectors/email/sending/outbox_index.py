"""What the outbox remembers of its letters, in a table: looked up by Message-ID or by claim, whatever became of the files.

The table is among the letters, in ``.letters.db``. A missing one is made again from the heads of the letters there.
"""

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.connectors.email.message.addresses import folded
from engine.ledger.database import connect, translate_errors
from engine.model.errors import EngineError, LedgerError, TransientError
from engine.model.text import similarity
from engine.model.values.canonical_json import sha256

NAME = ".letters.db"
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS letters (
    message_id TEXT PRIMARY KEY,
    thread     TEXT NOT NULL,
    once       TEXT NOT NULL,
    at         TEXT NOT NULL,
    kin        TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS letters_by_claim ON letters (once);
CREATE INDEX IF NOT EXISTS letters_by_kin ON letters (kin);
-- One row once what lay in the folder before is in the table.
CREATE TABLE IF NOT EXISTS whole (one INTEGER PRIMARY KEY CHECK (one = 1));
-- One row once it was compared with the ledger.
CREATE TABLE IF NOT EXISTS reach (one INTEGER PRIMARY KEY CHECK (one = 1), since TEXT NOT NULL, lost TEXT NOT NULL);
PRAGMA user_version = 2;
COMMIT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one of our letters says of itself. `once` is the claim that keeps a second one of its kind from leaving.

    The table stores no names: its letters have neither `to` nor `subject`.
    """

    message_id: str
    thread: str
    once: str
    to: str
    at: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimWindow:
    """How far the table's memory reaches, as stamps.

    What was meant to leave at `since` or later and is not in the table never began to. `lost`: when it was noticed that letters which had
    left are not in it; empty for never.
    """

    since: str
    lost: str = ""


def kin_of(address: str, subject: str) -> str:
    """Whom a letter goes to and about what, as one word that names neither; answers to it share it."""
    return sha256(f"{folded(address)}\n{similarity.bare(subject)}".encode())[:32]


class Claims:
    """The table. Safe to use from several threads; the file is opened when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._whole = False

    @property
    def whole(self) -> bool:
        """Whether what lay in the folder when the table was made is in it."""
        with self._lock:
            self._whole = self._whole or bool(self._run("SELECT one FROM whole"))
            return self._whole

    @property
    def reach(self) -> ClaimWindow | None:
        """How far it reaches; None until that was recorded."""
        rows = self._run("SELECT since, lost FROM reach")
        return ClaimWindow(since=rows[0][0], lost=rows[0][1]) if rows else None

    def reaches(self, reach: ClaimWindow) -> None:
        """Say how far it reaches."""
        self._run("INSERT OR REPLACE INTO reach VALUES (1, ?, ?)", reach.since, reach.lost)

    def moved(self) -> bool:
        """Whether the file was taken away, or another put in its place, since it was opened; then it is opened again when it is needed."""
        with self._lock:
            if self._db is None or self._file == _identity(self._path):
                return False
            self._db.close()
            self._db, self._whole = None, False
            return True

    def add(self, letters: Iterable[Sent], *, whole: bool = False) -> None:
        """Remember letters, durably; `whole`: they are all there are. Raises TransientError when the disk refuses."""
        rows = [
            (letter.message_id, letter.thread, letter.once, letter.at, kin_of(letter.to, letter.subject))
            for letter in letters
        ]
        with self._lock:
            db = self._open()
            try:
                with translate_errors(self._path):
                    db.execute("BEGIN IMMEDIATE")
                    db.executemany("INSERT OR REPLACE INTO letters VALUES (?, ?, ?, ?, ?)", rows)
                    if whole:
                        db.execute("INSERT OR IGNORE INTO whole VALUES (1)")
                    db.execute("COMMIT")
            except LedgerError as error:
                raise _refused(error) from error
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def drop(self, message_id: str) -> None:
        """It certainly did not leave."""
        with self._lock:
            self._run("DELETE FROM letters WHERE message_id = ?", message_id)

    def find(self, message_id: str) -> Sent | None:
        """A letter by its Message-ID."""
        return next(iter(self._some("message_id = ?", message_id)), None)

    def claimed(self, once: str, message_id: str) -> Sent | None:
        """Another letter under the same claim."""
        return next(iter(self._some("once = ? AND once <> '' AND message_id <> ?", once, message_id)), None)

    def kin(self, address: str, subject: str) -> list[Sent]:
        """Every letter to this person under this bare subject."""
        return self._some("kin = ?", kin_of(address, subject))

    def _some(self, condition: str, *values: str) -> list[Sent]:
        sql = f"SELECT message_id, thread, once, at FROM letters WHERE {condition}"
        with self._lock:
            rows = self._run(sql, *values)
        return [
            Sent(message_id=id_, thread=thread, once=once, to="", at=at) for id_, thread, once, at in rows
        ]

    def _run(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        db = self._open()
        try:
            with translate_errors(self._path):
                return db.execute(sql, values).fetchall()
        except LedgerError as error:
            raise _refused(error) from error

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                # No log beside it: what is copied as mail is whole at any time.
                self._db = connect(self._path, schema=_SCHEMA, version=2, journal="delete")
            except LedgerError as error:
                raise _refused(error) from error
            self._file = _identity(self._path)
        return self._db


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def _refused(error: EngineError) -> TransientError:
    return TransientError(
        f"the outbox could not be looked into: {error.message}",
        code="disk-full" if error.code == "disk-full" else "disk",
        now_true="nothing was changed",
        way_out=f"make room; a damaged {NAME} may be taken away: it is made again from the letters",
    )
