"""Opening SQLite the careful way, and its errors in plain words."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.ledger.disk_reserve import FULL
from engine.model.errors import DiskFull, LedgerError

BUSY_SECONDS = 5.0
_NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
}


def connect(path: Path, *, schema: str, version: int, journal: str) -> sqlite3.Connection:
    """A connection in autocommit under ``synchronous=FULL``; the schema exists. Raises LedgerError."""
    with translate_errors(path):
        _touch(path)
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            stored_version = db.execute("PRAGMA user_version").fetchone()[0]
            if stored_version > version:
                raise LedgerError(
                    f"{path} was written by a newer Steward (format {stored_version}, this one knows {version})",
                    code="newer",
                    now_true="nothing was changed",
                    way_out="install the newer version again",
                )
            _journal(db, journal)
            # EXTRA also syncs the directory after the rollback journal is gone; under WAL it is the same as FULL.
            db.execute("PRAGMA synchronous=EXTRA")
            db.execute("PRAGMA fullfsync=ON")  # macOS: past the drive's own memory
            db.execute("PRAGMA trusted_schema=OFF")
            if stored_version < version:
                db.executescript(schema)
        except BaseException:
            db.close()
            raise
        return db


def _touch(path: Path) -> None:
    # SQLite gives its journal files the mode of the database: private from the first byte. A file that is there is never opened here:
    # closing any handle of it drops the locks that this process's other connections hold (POSIX), and with them gone the next
    # reader that leaves takes the log away from under the owner.
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
    except FileExistsError:
        return
    os.close(fd)


def _journal(db: sqlite3.Connection, mode: str) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while db.execute("PRAGMA journal_mode").fetchone()[0] != mode:
        try:
            db.execute(f"PRAGMA journal_mode={mode}")
        except sqlite3.OperationalError as error:
            # SQLite doesn't wait here when two processes make the database at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite or the system says about `path` into a LedgerError."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error, path) from error
    except OSError as error:
        raise from_os(error, path) from error


def translated(error: sqlite3.Error, path: Path) -> LedgerError:
    """What an error of SQLite means for the operator."""
    # Python itself raises without a code when a column holds what can't be there.
    code = getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT
    if code in _NO_ROOM:
        return no_room(path, str(error))
    match code & 0xFF:
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return _cannot_write(path, str(error))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LedgerError(
                f"another process keeps {path} locked",
                code="busy",
                now_true="nothing was written by this attempt",
                way_out="try again; if it stays so, end the program that has the file open",
            )
        case _:
            return LedgerError(
                f"{path}: {error}",
                code="io",
                now_true="what was acknowledged before is kept; this attempt was not acknowledged",
                way_out="look at the disk's health, then start again: the ledger is checked on opening",
            )


def from_os(error: OSError, path: Path) -> LedgerError:
    """What an error of the file system means for the operator."""
    if error.errno in FULL:
        return no_room(path, str(error.strerror))
    return _cannot_write(path, str(error.strerror))


def no_room(path: Path, detail: str) -> DiskFull:
    """The disk took no more."""
    return DiskFull(
        f"no room left to write {path} ({detail})",
        code="disk-full",
        now_true="everything acknowledged before is kept; this attempt was not written",
        way_out="free some space and type the command again",
    )


def damaged(path: Path, detail: str) -> LedgerError:
    """The file is no longer what was written."""
    return LedgerError(
        f"{path} is damaged ({detail})",
        code="damaged",
        now_true="nothing was written and no effect left",
        way_out="keep a copy of the state directory, restore the file from a backup, then `steward verify`",
    )


def _cannot_write(path: Path, detail: str) -> LedgerError:
    return LedgerError(
        f"{path} can't be opened or written ({detail})",
        code="read-only",
        now_true="nothing was written and no effect left",
        way_out="make the place writable, or set XDG_STATE_HOME to one that is",
    )
