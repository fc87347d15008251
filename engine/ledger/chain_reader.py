"""From one end of the chain to the other, a page at a time, checking each link."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from engine.ledger.appender import Appender
from engine.ledger.chain import EventRow, Tail, fault
from engine.ledger.database import damaged

Use = Callable[[], AbstractContextManager[None]]
"""Holds the database for one look at it."""


def walk(journal: Appender, use: Use, path: Path, since: int) -> Iterator[tuple[EventRow, bytes]]:
    """Rows after the seq `since`, each with the hash before it. Nothing is held between two pages.

    Raises LedgerError at the first row that does not follow on the one before.
    """
    with use():
        tail = journal.tail_at(since)
    while True:
        with use():
            page = journal.page(tail.seq)
        if not page:
            return
        for row in page:
            if problem := fault(row, tail):
                raise damaged(path, problem)
            yield row, tail.hash
            tail = Tail(row.seq, row.hash)
