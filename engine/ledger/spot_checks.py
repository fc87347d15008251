"""Looks at the stored bytes that cost little: SQLite's own quick check, and a sample of values with the files and keys they need."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.ledger.keys import WORKSPACE, Keys
from engine.ledger.sealed_values import SealedValues
from engine.ledger.sql import statements
from engine.ledger.state_dir import StateDir
from engine.ledger.write_batch import Batch
from engine.model.errors import LedgerError, PermanentError

NEWEST, ANY = 16, 16
"""So many values are looked at from the end, and so many from anywhere."""


def quick_check(state: StateDir) -> str:
    """What SQLite finds wrong in the two databases, or empty. Reads every page once; may be called beside the owner."""
    for path in (state.ledger, state.keys):
        if path.exists() and (problem := _damage(path)):
            return f"{path.name} is damaged ({problem})"
    return ""


def _damage(path: Path) -> str:
    try:
        with _read_only(path) as db:
            rows = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        return str(error)
    return "" if rows == ["ok"] else "; ".join(line for row in rows for line in row.splitlines()[-1:])


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    from urllib.parse import quote

    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as db:
        yield db


def sample(state: StateDir, keys: Keys, chance: Callable[[], float]) -> str:
    """The first fault among the newest values and some others, or empty: altered, lost with its file, or without its key.

    `chance` gives numbers in [0, 1).
    """
    try:
        with _read_only(state.ledger) as db:
            return _sample(db, SealedValues(state, db, keys, Batch()), keys, chance)
    except (sqlite3.Error, LedgerError) as error:
        return f"{state.ledger.name} is damaged ({error})"


def _sample(db: sqlite3.Connection, values: SealedValues, keys: Keys, chance: Callable[[], float]) -> str:
    sql = statements("ledger")
    last = db.execute(sql["last_value"]).fetchone()[0]
    places = {last - n for n in range(NEWEST)} | {1 + int(chance() * last) for _ in range(ANY)}
    for place in sorted(number for number in places if number > 0):
        row = db.execute(sql["value_at"], (place,)).fetchone()
        if row is not None and (problem := values.fault(bytes(row[0]).hex()) or keyless(keys, str(row[1]))):
            return problem
    return ""


def keyless(keys: Keys, subject: str) -> str:
    """Why the values of a subject that was not erased can't be opened, or empty."""
    try:
        if subject != WORKSPACE and not keys.erased(subject):
            keys.key(subject)
    except PermanentError as error:
        return f"{error.message}: keys.db is older than the ledger"
    return ""
