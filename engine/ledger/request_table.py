"""Requests and their answers. Both are sealed: they carry words that people typed."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from engine.ledger.encryption import Cipher
from engine.ledger.keys import WORKSPACE, Keys
from engine.ledger.sql import statements
from engine.model.errors import EngineError, LedgerError, PermanentError
from engine.model.requests import Decided, Request
from engine.model.values.canonical_json import decode, encode


class Inbox:
    """The tables `requests` and `answers`. The ledger's lock is held by the caller."""

    def __init__(self, db: sqlite3.Connection, keys: Keys) -> None:
        self._db, self._keys = db, keys
        self._sql = statements("ledger")
        self._answered = 0  # every request up to this number has its answer

    def ask(self, request: Request, subject: str) -> None:
        """Commit a request; a second one with the same id changes nothing."""
        sealed = self._keys.cipher(subject).seal(encode(asdict(request)), f"request/{request.id}")
        self._db.execute(self._sql["add_request"], (request.id, subject, sealed))

    def pending(self) -> tuple[tuple[Request, ...], tuple[str, ...]]:
        """Undecided requests, oldest first, and the ids of those that can't be read any more."""
        last = self._db.execute(self._sql["last_request"]).fetchone()[0]
        rows = self._db.execute(self._sql["pending_requests"], (self._answered,)).fetchall()
        self._answered = min((row[0] - 1 for row in rows), default=last)
        read, lost = [], []
        for _, id_, subject, sealed in rows:
            try:
                fields = decode(self._keys.cipher(subject).unseal(bytes(sealed), f"request/{id_}"))
                read.append(Request(**fields))
            except (EngineError, ValueError, TypeError):
                lost.append(id_)
        return tuple(read), tuple(lost)

    def write_answers(self, answers: Sequence[Decided]) -> None:
        """Insert answers, inside the caller's transaction. Raises LedgerError when one is decided already."""
        for answer in answers:
            subject, cipher = self._whose(answer.request)
            sealed = cipher.seal(encode(asdict(answer)), f"answer/{answer.request}")
            try:
                self._db.execute(self._sql["add_answer"], (answer.request, subject, sealed))
            except sqlite3.IntegrityError as error:
                raise LedgerError(
                    f"the request {answer.request[:8]} is decided already",
                    code="decided",
                    now_true="the first decision counts; this one was not written",
                ) from error

    def decided(self, request: str) -> Decided | None:
        """The answer, or None while there is none."""
        row = self._db.execute(self._sql["answer"], (request,)).fetchone()
        if row is None:
            return None
        return Decided(**decode(self._keys.cipher(row[0]).unseal(bytes(row[1]), f"answer/{request}")))

    def _whose(self, request: str) -> tuple[str, Cipher]:
        row = self._db.execute(self._sql["subject_of_request"], (request,)).fetchone()
        subject = row[0] if row else WORKSPACE
        try:
            return subject, self._keys.cipher(subject)
        except PermanentError:
            return WORKSPACE, self._keys.cipher(WORKSPACE)
