"""The key store: one key a subject, the encrypted table of identities, and the workspace's secret."""

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from engine.ledger.database import connect, translate_errors
from engine.ledger.encryption import Cipher, derive, mac
from engine.ledger.sql import statements
from engine.ledger.state_dir import StateDir
from engine.model.errors import LedgerError, PermanentError
from engine.model.values.ids import SubjectId

WORKSPACE = ""
"""The subject of values about no person: sealed under the workspace's own key."""


class Keys:
    """Keys of one workspace. May be called from any thread of the process that opened it."""

    def __init__(self, state: StateDir, db: sqlite3.Connection, secret: bytes) -> None:
        self._path, self._db, self._pid = state.keys, db, os.getpid()
        self._lock = threading.RLock()
        self._sql = statements("keys")
        self._ciphers: dict[str, Cipher] = {}
        self._version = 0
        self._secret = secret
        self._own = derive(secret, "steward/workspace")
        self._lookups = derive(secret, "steward/lookup")
        self._names = Cipher("", derive(secret, "steward/names"))

    @classmethod
    def open(cls, state: StateDir) -> Self:
        """Open the key store, made with a new secret when there is none. Raises LedgerError."""
        state.make()
        sql = statements("keys")
        # No WAL here: what is erased must not live on in a log. secure_delete overwrites the row with zeros.
        db = connect(state.keys, schema=sql["schema"], version=1, journal="delete")
        try:
            with translate_errors(state.keys):
                db.execute("PRAGMA secure_delete=ON")
                if (row := db.execute(sql["root"]).fetchone()) is None:
                    db.execute(sql["add_root"], (secrets.token_bytes(32),))
                    row = db.execute(sql["root"]).fetchone()
            return cls(state, db, row[0])
        except BaseException:
            db.close()
            raise

    def subject(self, identity: str) -> SubjectId:
        """The subject with this identity (an address; the caller has normalised it). A new one is durable before return."""
        lookup = mac(self._lookups, identity.encode())
        with self._use():
            if row := self._db.execute(self._sql["find_subject"], (lookup,)).fetchone():
                return SubjectId(row[0])
            subject_id = secrets.token_hex(16)
            sealed = self._names.seal(identity.encode(), subject_id)
            self._db.execute(self._sql["add_subject"], (subject_id, lookup, secrets.token_bytes(32), sealed))
            # Another process may have added it in between: what is stored counts.
            return SubjectId(self._db.execute(self._sql["find_subject"], (lookup,)).fetchone()[0])

    def find(self, identity: str) -> SubjectId | None:
        """The subject with this identity; None when there is none, and then none is made."""
        with self._use():
            row = self._db.execute(
                self._sql["find_subject"], (mac(self._lookups, identity.encode()),)
            ).fetchone()
        return SubjectId(row[0]) if row else None

    def identity(self, subject: str) -> str:
        """The text behind a subject, for showing it to the operator. Raises PermanentError when it was erased."""
        with self._use():
            row = self._db.execute(self._sql["identity"], (subject,)).fetchone()
            if row is None:
                raise self._gone(subject)
            return self._names.unseal(row[0], subject).decode()

    def index_key(self, workspace_id: str) -> bytes:
        """The key of source ids and of other look-ups by HMAC; the same on every machine that has this secret."""
        return derive(self._secret, f"steward/index/{workspace_id}")

    def fingerprint(self) -> bytes:
        """Names this key store without telling anything about it."""
        return hashlib.sha256(derive(self._secret, "steward/fingerprint")).digest()

    def key(self, subject: str) -> bytes:
        """The subject's key. Raises PermanentError, code ``erased``, or ``no-key`` for one this store never had."""
        if subject == WORKSPACE:
            return self._own
        with self._use():
            row = self._db.execute(self._sql["key"], (subject,)).fetchone()
            if row is None:
                raise self._gone(subject)
            return bytes(row[0])

    def cipher(self, subject: str) -> Cipher:
        """What seals under the subject's key. Raises as `key` does, also when another process has just erased it."""
        with self._use():
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._ciphers.clear()
                self._version = version
            if (cipher := self._ciphers.get(subject)) is None:
                cipher = self._ciphers[subject] = Cipher(subject, self.key(subject))
            return cipher

    def erase(self, subject: str) -> None:
        """Destroy the key and the identity; repeating is harmless. The ledger's `erase` also remembers it and removes the blobs."""
        if subject == WORKSPACE:
            raise ValueError("the workspace's own key is not erased")
        with self._use():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(self._sql["drop_subject"], (subject,))
                self._db.execute(self._sql["add_erased"], (subject,))
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            self._ciphers.pop(subject, None)

    def erased(self, subject: str) -> bool:
        """Whether `erase` was called for this subject."""
        with self._use():
            return self._db.execute(self._sql["is_erased"], (subject,)).fetchone() is not None

    def put_secret(self, name: str, secret: bytes) -> None:
        """Keep `secret` sealed under `name`, in place of an earlier one."""
        with self._use():
            self._db.execute(self._sql["put_secret"], (name, self._names.seal(secret, f"secret/{name}")))

    def get_secret(self, name: str) -> bytes | None:
        """What `put_secret` kept, or None."""
        with self._use():
            row = self._db.execute(self._sql["get_secret"], (name,)).fetchone()
            return None if row is None else self._names.unseal(row[0], f"secret/{name}")

    def close(self) -> None:
        """Let go of the file. Does nothing in a forked child."""
        if os.getpid() == self._pid:
            self._db.close()

    @contextmanager
    def _use(self) -> Iterator[None]:
        if os.getpid() != self._pid:
            raise forked(str(self._path))
        with self._lock, translate_errors(self._path):
            yield

    def _gone(self, subject: str) -> PermanentError:
        if self._db.execute(self._sql["is_erased"], (subject,)).fetchone():
            return PermanentError(
                "this person's data was erased", code="erased", now_true="the key is destroyed"
            )
        return PermanentError(
            f"the key store has no key of subject {subject[:8]}",
            code="no-key",
            now_true="the value is there and can't be read",
            way_out="restore keys.db from the newest key backup",
        )


def forked(description: str) -> LedgerError:
    """A database handle crossed a fork, where SQLite's locks don't follow."""
    return LedgerError(
        f"{description} was opened before a fork and can't be used in the child", code="forked"
    )
