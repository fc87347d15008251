"""Vectors by the digest of their text, in SQLite: what was encoded once is never encoded again, wherever the text moves.

A cache: whatever is wrong with it, it is thrown away and filled again, which costs time and loses nothing.
"""

import math
import sqlite3
import struct
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

_SCHEMA = """
create table if not exists vectors (
    version text not null, hash text not null, vector blob not null, primary key (version, hash)
) without rowid;
"""
_PART = 500


class VectorCache:
    """Vectors of one version of model and chunker, in a file that other versions may share. Any thread may call."""

    def __init__(self, path: Path, *, version: str) -> None:
        self._path, self._version = path, version
        self._lock = threading.Lock()
        self.trouble = ""
        """Why what was there had to be thrown away; empty when nothing was."""
        self._base = self._open()

    def get(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """The cached vectors by hash. A damaged one, whose length is not 1, is left out."""
        unique = list(dict.fromkeys(hashes))
        vectors: dict[str, bytes] = {}
        with self._lock:
            for start in range(0, len(unique), _PART):
                part = unique[start : start + _PART]
                marks = ", ".join("?" * len(part))
                rows = self._base.execute(
                    f"select hash, vector from vectors where version = ? and hash in ({marks})",
                    (self._version, *part),
                )
                vectors.update((name, vector) for name, vector in rows if _is_unit(vector))
        return vectors

    def put(self, vectors: Mapping[str, bytes]) -> None:
        """Keep them, all or none."""
        with self._lock, self._base:
            self._base.executemany(
                "insert or replace into vectors values (?, ?, ?)",
                [(self._version, name, vector) for name, vector in vectors.items()],
            )

    def keep_only(self, hashes: Iterable[str]) -> int:
        """Forget all others, of any version, so that nothing remains of a deleted text; returns how many they were."""
        with self._lock:
            with self._base:
                self._base.execute("create temp table if not exists kept (hash text primary key)")
                self._base.execute("delete from kept")
                self._base.executemany(
                    "insert or ignore into kept values (?)", [(hash_,) for hash_ in hashes]
                )
                gone = self._base.execute(
                    "delete from vectors where version != ? or hash not in (select hash from kept)",
                    (self._version,),
                ).rowcount
            self._base.execute("vacuum")
        return gone

    def close(self) -> None:
        """Repeating is harmless."""
        self._base.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            self.trouble = f"the cache of vectors can't be read ({error}): made again"
            self._path.unlink(missing_ok=True)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        base = sqlite3.connect(self._path, check_same_thread=False)
        try:
            base.execute("pragma synchronous = off")
            base.execute("pragma secure_delete = on")
            base.executescript(_SCHEMA)
            if (verdict := base.execute("pragma quick_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(verdict)
        except BaseException:
            base.close()
            raise
        return base


def _is_unit(vector: object) -> bool:
    if not isinstance(vector, bytes) or not vector or len(vector) % 4:
        return False
    squares = sum(component * component for component in struct.unpack(f"<{len(vector) // 4}f", vector))
    return math.isfinite(squares) and abs(squares - 1.0) < 1e-3
