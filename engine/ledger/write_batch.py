"""What waits for the next commit: everything an append needs goes into one transaction with it."""

import sqlite3
from datetime import datetime
from typing import NamedTuple

from engine.ledger.chain import EventRow
from engine.ledger.sql import statements


class SealedValue(NamedTuple):
    """A sealed value; `sealed` is None when a file in blobs/ holds it."""

    subject: str
    sealed: bytes | None


class Batch:
    """Rows in memory that no other process can see yet."""

    def __init__(self) -> None:
        self.events: list[EventRow] = []
        self.values: dict[str, SealedValue] = {}
        self.contents: dict[str, bytes] = {}
        self.since: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.events or self.values or self.contents)

    def write(self, db: sqlite3.Connection) -> None:
        """Insert all of it, inside the caller's transaction. Values before the events that name them."""
        sql = statements("ledger")
        if self.contents:
            db.executemany(
                sql["add_content"], [(bytes.fromhex(sha), content) for sha, content in self.contents.items()]
            )
        if self.values:
            rows = [(bytes.fromhex(id_), value.subject, value.sealed) for id_, value in self.values.items()]
            db.executemany(sql["add_value"], rows)
        db.executemany(sql["add_event"], self.events)

    def clear(self) -> None:
        """It is committed."""
        self.events.clear()
        self.values.clear()
        self.contents.clear()
        self.since = None

    def drop_after(self, last: int) -> None:
        """Drop the events of an append that was refused."""
        self.events = [row for row in self.events if row.seq <= last]
        if not self.events:
            self.since = None
