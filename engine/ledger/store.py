"""The ledger: append, read, seal, ask, answer, verify."""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Self

from engine.ledger.anchor_file import read_head
from engine.ledger.appender import Appender
from engine.ledger.chain import EventRow, Tail, event
from engine.ledger.chain_reader import walk
from engine.ledger.database import connect, translate_errors
from engine.ledger.encryption import altered
from engine.ledger.keys import WORKSPACE, Keys, forked
from engine.ledger.owner import Owner, notify_owner
from engine.ledger.request_table import Inbox
from engine.ledger.sealed_values import SealedValues, as_json
from engine.ledger.sql import statements
from engine.ledger.state_dir import StateDir
from engine.ledger.verify import Report, verify
from engine.model.errors import LedgerError
from engine.model.events.events import Draft, Event
from engine.model.requests import Decided, Request
from engine.model.values.canonical_json import Json, sha256
from engine.model.values.ids import ValueId

if TYPE_CHECKING:
    # Only a name here: the ports import every other part of the model.
    from engine.model.ports import Probe


class Ledger:
    """One workspace's ledger. See the package's docstring for threads, forks and what *acknowledged* means."""

    def __init__(
        self, state: StateDir, db: sqlite3.Connection, keys: Keys, owner: Owner | None, probe: "Probe | None"
    ) -> None:
        self._state, self._db, self._keys, self._closed = state, db, keys, False
        self._pid, self._lock, self._sql = os.getpid(), threading.RLock(), statements("ledger")
        self._inbox = Inbox(db, keys)
        self._journal = Appender(state, db, owner, self._inbox, probe)
        self._values = SealedValues(state, db, keys, self._journal.batch)

    @classmethod
    def open(cls, state: StateDir, *, keys: Keys, owner: Owner | None, probe: "Probe | None" = None) -> Self:
        """Open or create. Without `owner` it reads, and writes requests only.

        Raises LedgerError when the database can't be read at all. An end of the chain that doesn't fit the anchor, or a key store
        of another ledger, sets `trouble`: everything can be read then, and nothing appended.
        """
        state.make()
        anchor = read_head(state.head)  # before the database: a commit in between only makes the chain longer
        sql = statements("ledger")
        db = connect(state.ledger, schema=sql["schema"], version=1, journal="wal")
        ledger = cls(state, db, keys, owner, probe)
        try:
            with translate_errors(state.ledger):
                ledger._boot(anchor, writing=owner is not None)
        except BaseException:
            db.close()
            raise
        return ledger

    @property
    def trouble(self) -> str:
        """Why nothing may be appended though this process is the owner; empty when all is well."""
        return self._journal.trouble

    def append(
        self, drafts: Sequence[Draft], *, at: datetime, durable: bool, answers: Sequence[Decided] = ()
    ) -> tuple[Event, ...]:
        """Add events behind the last one; `answers` to requests are stored in the same transaction and make it durable.

        Durable: committed under FULL with everything buffered, sealed and kept before. Otherwise buffered until the next durable
        append, `flush`, `tick` after 200 ms, or the 256th event. Raises NotOwner, DiskFull or LedgerError, and then none of
        `drafts` is in the ledger; after DiskFull the call may be repeated.
        """
        with self._use(write=True):
            return self._journal.append(drafts, at=at, durable=durable, answers=answers)

    def flush(self) -> None:
        """Commit what is buffered, sealed or kept."""
        with self._use(write=True):
            self._journal.flush()

    def tick(self, at: datetime) -> None:
        """Commit what has been buffered for 200 ms, sync the anchor each second, set the reserve aside again. Call it often."""
        with self._use(write=True):
            self._journal.tick(at)

    @property
    def room(self) -> bool:
        """False once the reserve was needed to commit: start nothing new until it is True again."""
        return self._journal.room

    def head(self) -> tuple[int, str]:
        """(seq, hash) of the last committed event this process knows; hash is 64 hex characters."""
        return self._journal.committed.seq, self._journal.committed.hash.hex()

    def events(self, since: int = 0) -> Iterator[Event]:
        """Events with a greater seq, in order, buffered ones included; the chain is checked on the way.

        Raises LedgerError at the first event that was altered, is missing, or was written by a newer version.
        """
        rows = walk(self._journal, self._use, self._state.ledger, since)
        return (event(row, previous) for row, previous in rows)

    def stored(self, since: int = 0) -> Iterator[EventRow]:
        """As `events`, committed rows only and as they are stored."""
        last, rows = self.head()[0], walk(self._journal, self._use, self._state.ledger, since)
        return (row for row, _ in takewhile(lambda row_and_hash: row_and_hash[0].seq <= last, rows))

    def hash_at(self, seq: int) -> str:
        """The stored hash of an event as 64 hex characters. Without such an event it is that of no event at all."""
        with self._use():
            return self._journal.tail_at(seq).hash.hex()

    def seal(self, value: Json | bytes, subject: str = WORKSPACE) -> ValueId:
        """Keep a value under the subject's key; it is stored with the next commit. Deterministic. Any thread.

        Raises PermanentError (``erased``); DiskFull when it is large and there is no room.
        """
        with self._use(write=True):
            return self._values.seal(value, subject)

    def unseal(self, id_: str) -> Json:
        """The data of a value. Any thread. Raises PermanentError (``erased``) or LedgerError (altered or missing)."""
        return as_json(self.unseal_bytes(id_), id_)

    def unseal_bytes(self, id_: str) -> bytes:
        """As `unseal`, for a value sealed from bytes; of other values their canonical JSON."""
        with self._use():
            return self._values.unseal(id_)

    def commitment(self, content: bytes, subject: str = WORKSPACE) -> str:
        """An HMAC under the subject's key: what events may hold where a plain digest would give the data away."""
        return self._keys.cipher(subject).commitment(content)

    def keep(self, content: bytes) -> str:
        """Keep bytes that are not personal (plans, files of git), stored with the next commit; returns their SHA-256."""
        sha = sha256(content)
        with self._use(write=True):
            if not self._db.execute(self._sql["has_content"], (bytes.fromhex(sha),)).fetchone():
                self._journal.batch.contents[sha] = content
        return sha

    def load_content(self, sha: str) -> bytes:
        """What was kept under this name. Raises KeyError; LedgerError when it was altered."""
        with self._use():
            if (waiting := self._journal.batch.contents.get(sha)) is not None:
                return waiting
            row = self._db.execute(self._sql["content"], (bytes.fromhex(sha),)).fetchone()
        if row is None:
            raise KeyError(sha)
        if sha256(row[0]) != sha:
            raise altered(f"the content {sha[:8]}")
        return bytes(row[0])

    def erase(self, subject: str) -> None:
        """Destroy a subject's key and files, and remember it, so that a restored key backup doesn't bring them back."""
        with self._use(write=True):
            self._db.execute(self._sql["add_erasure"], (subject,))
            self._erase(subject)

    def ask(self, request: Request, subject: str = WORKSPACE) -> None:
        """Durably ask the owner, from any process, and poke it. `subject` is whose words the request carries."""
        with self._use():
            self._inbox.ask(request, subject)
        notify_owner(self._state)

    def pending(self) -> tuple[Request, ...]:
        """Undecided requests, oldest first. The owner refuses those whose words were erased or altered here and then."""
        with self._use(write=True):
            read, lost = self._inbox.pending()
            if lost:
                message = "the request can't be read any more"
                refusals = [Decided(request=id_, verdict="refused", message=message, exit=5) for id_ in lost]
                self._journal.flush(answers=refusals)
            return read

    def decided(self, request: str) -> Decided | None:
        """The owner's answer to a request, or None while there is none."""
        with self._use():
            return self._inbox.decided(request)

    def verify(self) -> Report:
        """Check every stored byte that the chain vouches for. Never raises on what it finds."""
        with self._use():
            return verify(self._db, self._values, self._keys, read_head(self._state.head))

    def close(self) -> None:
        """Commit what is buffered when that is possible, and let go. Does nothing in a forked child."""
        if os.getpid() != self._pid or self._closed:
            return
        with self._lock:
            self._closed = True
            try:
                if not self._journal.trouble:
                    self._journal.flush()
            finally:
                self._journal.close()
                self._db.close()

    def _boot(self, anchor: Tail | None, *, writing: bool) -> None:
        self._journal.boot(anchor)
        mine = self._keys.fingerprint()
        if writing and not self.trouble:
            self._db.execute(self._sql["add_fingerprint"], (mine,))
        row = self._db.execute(self._sql["fingerprint"]).fetchone()
        if row is not None and row[0] != mine:
            self._journal.trouble = "keys.db is not the key store this ledger was written with"
        if writing and not self.trouble:
            for (subject,) in self._db.execute(self._sql["erased_subjects"]).fetchall():
                self._erase(subject)

    def _erase(self, subject: str) -> None:
        if not self._keys.erased(subject):
            self._keys.erase(subject)
        self._values.remove_files(subject)

    @contextmanager
    def _use(self, *, write: bool = False) -> Iterator[None]:
        if os.getpid() != self._pid:
            raise forked(str(self._state.ledger))
        with self._lock, translate_errors(self._state.ledger):
            if self._closed:
                raise LedgerError("the ledger is closed", code="closed")
            if write:
                self._journal.must_write()
            yield
