"""Values: sealed before they are stored, opened only with the keys."""

import sqlite3
from collections import OrderedDict

from engine.ledger.blobs import BlobFiles
from engine.ledger.encryption import altered, sealed_for
from engine.ledger.keys import Keys
from engine.ledger.sql import statements
from engine.ledger.state_dir import StateDir
from engine.ledger.write_batch import Batch, SealedValue
from engine.model.errors import LedgerError
from engine.model.values.canonical_json import Json, decode, encode, sha256
from engine.model.values.ids import ValueId

INLINE = 64 * 1024
"""Sealed bytes up to this size are stored in the database, larger ones in a file."""
_CACHED = 256
_CONTEXT = "value"


class SealedValues:
    """Sealing into a batch and reading back. The ledger's lock is held by the caller."""

    def __init__(self, state: StateDir, db: sqlite3.Connection, keys: Keys, batch: Batch) -> None:
        self._db, self._keys, self._batch, self._files = db, keys, batch, BlobFiles(state)
        self._sql = statements("ledger")
        self._cache: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def seal(self, value: Json | bytes, subject: str) -> ValueId:
        """Seal under the subject's key; the id is the SHA-256 of the sealed bytes."""
        plaintext = value if isinstance(value, bytes) else encode(value)
        sealed = self._keys.cipher(subject).seal(plaintext, _CONTEXT)
        if len(sealed) > INLINE:
            name = self._files.put(subject, sealed)
            self._batch.values[name] = SealedValue(subject, None)
        else:
            name = sha256(sealed)
            self._batch.values[name] = SealedValue(subject, sealed)
            self._remember(name, subject, plaintext)
        return ValueId(name)

    def unseal(self, id_: str) -> bytes:
        """The plaintext. Raises PermanentError (``erased``) or LedgerError (altered, missing)."""
        if (cached := self._cache.get(id_)) is not None:
            self._keys.cipher(cached[0])  # the key may have been destroyed since
            self._cache.move_to_end(id_)
            return cached[1]
        subject, sealed = self._stored(id_)
        cipher = self._keys.cipher(subject)
        if sealed is None:
            return cipher.unseal(self._file(subject, id_), _CONTEXT)
        if sha256(sealed) != id_:
            raise altered(f"the value {id_[:8]}")
        plaintext = cipher.unseal(sealed, _CONTEXT)
        self._remember(id_, subject, plaintext)
        return plaintext

    def fault(self, id_: str) -> str:
        """Why the stored bytes of a value are not those that were named, or empty; no key is needed."""
        try:
            subject, sealed = self._stored(id_)
            if sealed is None and self._keys.erased(subject):
                return ""
            stored = self._file(subject, id_) if sealed is None else sealed
        except (LedgerError, ValueError) as error:
            return str(error)
        if sha256(stored) != id_ or sealed_for(stored) != subject:
            return f"the value {id_[:8]} was altered"
        return ""

    def remove_files(self, subject: str) -> None:
        """Delete the blobs of an erased subject."""
        self._files.remove(subject)

    def _stored(self, id_: str) -> SealedValue:
        if (waiting := self._batch.values.get(id_)) is not None:
            return waiting
        row = self._db.execute(self._sql["value"], (bytes.fromhex(id_),)).fetchone()
        if row is None:
            raise altered(f"the value {id_[:8]} is missing; the table of values")
        if not isinstance(row[0], str) or not isinstance(row[1], bytes | None):
            raise altered(f"the value {id_[:8]}")
        return SealedValue(*row)

    def _file(self, subject: str, id_: str) -> bytes:
        try:
            return self._files.get(subject, id_)
        except FileNotFoundError as error:
            raise altered(f"the file of value {id_[:8]} is missing; the folder of blobs") from error

    def _remember(self, id_: str, subject: str, plaintext: bytes) -> None:
        self._cache[id_] = (subject, plaintext)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)


def as_json(encoded: bytes, id_: str) -> Json:
    """The JSON that was sealed. Raises LedgerError for a value sealed as bytes."""
    try:
        return decode(encoded)
    except ValueError as error:
        raise LedgerError(f"the value {id_[:8]} holds bytes, not data", code="not-json") from error
