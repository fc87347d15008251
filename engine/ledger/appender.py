"""The chain in the making: what is committed, what waits, and the one way from the second to the first."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.ledger.anchor_file import HeadFile
from engine.ledger.chain import GENESIS, EventRow, Tail, fault, link
from engine.ledger.database import translate_errors
from engine.ledger.disk_reserve import Reserve
from engine.ledger.fsync import sync_directory
from engine.ledger.owner import Owner
from engine.ledger.request_table import Inbox
from engine.ledger.sql import statements
from engine.ledger.state_dir import StateDir
from engine.ledger.write_batch import Batch
from engine.model.errors import DiskFull, LedgerError, NotOwner
from engine.model.events.events import NAMES, Draft, Event
from engine.model.requests import Decided

if TYPE_CHECKING:
    # Only a name here: the ports import every other part of the model.
    from engine.model.ports import Probe

BUFFERED_FOR = timedelta(milliseconds=200)
BUFFERED_EVENTS = 256
PAGE = 1000

_FOR_GOOD = {"io", "damaged", "not-owner"}
"""After these nothing more is written until the ledger is opened, and checked, again."""


class Appender:
    """Appends to one database. The ledger's lock is held by the caller."""

    def __init__(
        self,
        state: StateDir,
        db: sqlite3.Connection,
        owner: Owner | None,
        inbox: Inbox,
        probe: "Probe | None",
    ) -> None:
        self._state, self._db, self._owner, self._inbox = state, db, owner, inbox
        self._probe = probe or _unwatched
        self._sql = statements("ledger")
        self._head: HeadFile | None = None
        self._reserve: Reserve | None = None
        self.batch = Batch()
        self.trouble, self._overtaken = "", False
        self.committed = self._tail = Tail(0, GENESIS)

    def boot(self, anchor: Tail | None) -> None:
        """Find the chain's end, compare it with the anchor, and get ready to write when this process is the owner."""
        self.committed = self._tail = self._stored_tail()
        self.trouble = self._altered_end() or self._misfit(anchor)
        if self._owner is None or self.trouble:
            return
        self._head = HeadFile(self._state.head, self._owner.epoch)
        if anchor is None:
            # Before the first event: from then on a missing anchor means that it was removed.
            self._head.write(self.committed)
            self._head.write(self.committed)
            self._head.sync(None)
            sync_directory(self._state.path)
        self._reserve = Reserve(self._state.reserve)

    def must_write(self) -> None:
        """Raise NotOwner or LedgerError when this process may not append."""
        if self._owner is None:
            raise _not_owner("this process reads the ledger and doesn't own it")
        if self._overtaken:
            raise _not_owner(self.trouble)
        if self.trouble:
            raise LedgerError(
                self.trouble,
                code="untrusted",
                now_true="nothing is written and no effect leaves; everything can still be read",
                way_out="keep a copy of the state directory, restore ledger.db and keys.db of one time from backups, then `steward verify`",
            )

    def append(
        self, drafts: Sequence[Draft], *, at: datetime, durable: bool, answers: Sequence[Decided]
    ) -> tuple[Event, ...]:
        """Link and either buffer or commit."""
        name = NAMES[type(drafts[-1].body)] if drafts else "answer"
        self._probe(f"append:before:{name}")
        old_tail = self._tail
        rows, events = link(drafts, old_tail, at)
        self.batch.events += rows
        if rows:
            self._tail = Tail(rows[-1].seq, rows[-1].hash)
        if durable or answers or len(self.batch.events) >= BUFFERED_EVENTS:
            self._commit(name, answers, old_tail, at)
        else:
            self.batch.since = self.batch.since or at
        self._probe(f"append:after:{name}")
        return events

    def flush(self, at: datetime | None = None, answers: Sequence[Decided] = ()) -> None:
        """Commit everything that waits."""
        if self.batch or answers:
            self._commit("flush", answers, self._tail, at)

    def tick(self, at: datetime) -> None:
        """Do what is due at this time."""
        if self.batch.since is not None and at - self.batch.since >= BUFFERED_FOR:
            self.flush(at)
        if self._head is not None:
            self._head.sync(at)
        if self._reserve is not None:
            self._reserve.hold(at)

    @property
    def room(self) -> bool:
        """False while the reserve is spent."""
        return self._reserve is None or self._reserve.held

    def tail_at(self, seq: int) -> Tail:
        """The chain's end as it was at `seq`."""
        if seq == 0:
            return Tail(0, GENESIS)
        if row := self._db.execute(self._sql["hash_at"], (seq,)).fetchone():
            return Tail(seq, row[0])
        return Tail(seq, next((row.hash for row in self.batch.events if row.seq == seq), GENESIS))

    def page(self, seq: int) -> list[EventRow]:
        """Some rows after `seq`, buffered ones last; empty at the end."""
        rows = [EventRow(*row) for row in self._db.execute(self._sql["page_of_events"], (seq, PAGE))]
        return rows or [row for row in self.batch.events if row.seq > seq]

    def close(self) -> None:
        """Sync the anchor and let go of it."""
        if self._head is not None:
            self._head.close()
            self._head = None

    def _commit(self, name: str, answers: Sequence[Decided], old_tail: Tail, at: datetime | None) -> None:
        try:
            try:
                self._transaction(name, answers)
            except DiskFull:
                # What happened in the world must be written down: that is what the reserve is for.
                if self._reserve is None or not self._reserve.release():
                    raise
                self._transaction(name, answers)
        except BaseException as error:
            self._settle(old_tail, error)
            raise
        self._committed(at)

    def _committed(self, at: datetime | None) -> None:
        self.batch.clear()
        self.committed = self._tail
        if self._head is not None:
            try:
                self._head.write(self._tail)
                self._head.sync(at)
            except LedgerError:
                # The events are durable; an anchor that lags is normal, and `tick` complains when it stays so.
                return

    def _transaction(self, name: str, answers: Sequence[Decided]) -> None:
        with translate_errors(self._state.ledger):
            # IMMEDIATE: the epoch read here must still be the epoch at COMMIT.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._same_epoch()
                self.batch.write(self._db)
                self._inbox.write_answers(answers)
                self._probe(f"append:written:{name}")
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _same_epoch(self) -> None:
        stored = self._db.execute(self._sql["epoch"]).fetchone()[0]
        if self._owner is None or stored != self._owner.epoch:
            raise _not_owner("another process took the ledger over")

    def _settle(self, old_tail: Tail, error: BaseException) -> None:
        """After a failure, be again what the database is: an interrupt may have come right behind the COMMIT."""
        if isinstance(error, LedgerError) and error.code in _FOR_GOOD:
            self.trouble, self._overtaken = error.message, isinstance(error, NotOwner)
        try:
            stored = self._stored_tail()
        except (LedgerError, sqlite3.Error):
            stored = self.committed
        if stored == self._tail and stored != self.committed:
            self._committed(None)
        else:
            self.batch.drop_after(old_tail.seq)
            self._tail = old_tail

    def _stored_tail(self) -> Tail:
        row = self._db.execute(self._sql["last_event"]).fetchone()
        return Tail(*row) if row else Tail(0, GENESIS)

    def _altered_end(self) -> str:
        """A look at the last event only: reading checks each event on its way, `verify` all at once."""
        last = self.committed.seq
        problem = "".join(fault(row, self.tail_at(last - 1)) for row in self.page(last - 1)) if last else ""
        return f"{self._state.ledger} is damaged: {problem}" if problem else ""

    def _misfit(self, anchor: Tail | None) -> str:
        """Why the stored chain is not the one the anchor was written for, or empty."""
        if anchor is None:
            return (
                "the head file is missing or unreadable beside a ledger with events"
                if self.committed.seq
                else ""
            )
        if anchor.seq > self.committed.seq:
            return f"the ledger was cut off: it ends at event {self.committed.seq}, the anchor names event {anchor.seq}"
        if self.tail_at(anchor.seq).hash != anchor.hash:
            return f"the ledger is not the one the anchor was written for: event {anchor.seq} differs"
        return ""


def _unwatched(point: str, /) -> None:
    """The product passes no probe."""


def _not_owner(message: str) -> NotOwner:
    return NotOwner(
        message,
        code="not-owner",
        now_true="nothing was written by this attempt",
        way_out="type the command again: it asks the owner, or becomes it",
    )
