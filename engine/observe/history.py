"""Segments, tail and the guarded database: the ledger's events as one table that SQL can ask."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from engine.ledger import Ledger
from engine.model.errors import INSTALL_AGAIN, PermanentError

if TYPE_CHECKING:
    import duckdb

PAGE = 20_000
"""Events in a segment. A tail is always shorter: what it takes to read one is most of what opening costs."""

_NAME = re.compile(r"(\d{12})-(\d{12})-([0-9a-f]{16})\.parquet")
_COLUMNS = (
    "{seq: 'UBIGINT', ts: 'VARCHAR', type: 'VARCHAR', run: 'VARCHAR', step: 'VARCHAR', subject: 'VARCHAR', actor: 'VARCHAR', "
    "cause: 'UBIGINT', body: 'JSON'}"
)
_TABLE = "SELECT seq, ts, type, run, step, subject, actor, cause, body FROM "
_EMPTY = (
    "SELECT 0::UBIGINT AS seq, '' AS ts, '' AS type, '' AS run, '' AS step, '' AS subject, '' AS actor, 0::UBIGINT AS cause, "
    "'{}'::JSON AS body WHERE false"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A file of the events from `first` to `last`; `hash` is the beginning of the last one's, as the chain has it."""

    path: Path
    first: int
    last: int
    hash: str

    @classmethod
    def from_path(cls, path: Path) -> Self | None:
        """The segment that a file's name describes; None when the name does not fit."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            return None
        return cls(path=path, first=int(match[1]), last=int(match[2]), hash=match[3])


class History:
    """The past of one workspace, as it was when this was opened. Close it, or use it as a context manager.

    `ledger` is read only; `folder` holds the segments and may be deleted at any time.
    """

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger, self._folder = ledger, folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        handle, tail = tempfile.mkstemp(prefix=f"tail-{os.getpid()}-", suffix=".jsonl", dir=folder)
        os.close(handle)
        self._tail = Path(tail)
        self.last = 0
        self._db = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the tail."""
        self._db.close()
        self._tail.unlink(missing_ok=True)

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """The rows of a fixed query, as maps; `values` are bound to its `?`. The SQL is always the engine's own, never a user's."""
        cursor = self._db.execute(sql, list(values))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def segments(self) -> list[Segment]:
        """The segments that fit the chain, in order and without a gap. Files that do not fit are deleted: they are only a cache."""
        segments: list[Segment] = []
        for path in sorted(self._folder.glob("*.parquet")):
            segment = Segment.from_path(path)
            follows = segment is not None and segment.first == (segments[-1].last + 1 if segments else 1)
            if segment is not None and follows and self._fits(segment):
                segments.append(segment)
            else:
                path.unlink(missing_ok=True)
        return segments

    def _fits(self, segment: Segment) -> bool:
        return segment.last <= self._ledger.head()[0] and self._ledger.hash_at(segment.last).startswith(
            segment.hash
        )

    def _open(self) -> "duckdb.DuckDBPyConnection":
        sealed = self.segments()
        last = sealed[-1].last if sealed else 0
        while True:
            lines, seq, hash_ = self._write_tail(last)
            if lines < PAGE:
                break
            sealed.append(self._seal(last + 1, seq, hash_))
            last = seq
        self.last = seq
        db = _database()
        sources = (
            [f"{_TABLE}read_parquet({_texts([str(segment.path) for segment in sealed])})"] if sealed else []
        )
        if lines:
            # Once, and not at each question: a tail is text, and reading text is most of what a question would cost.
            db.execute(
                f"CREATE TABLE tail AS {_TABLE}read_json({_text(str(self._tail))}, format='newline_delimited', columns={_COLUMNS})"
            )
            sources.append(f"{_TABLE}tail")
        db.execute("SET allowed_directories = " + _texts([str(self._folder)]))
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        db.execute("CREATE VIEW events AS " + (" UNION ALL ".join(sources) or _EMPTY))
        db.execute(_views())
        return db

    def _write_tail(self, last_sealed: int) -> tuple[int, int, str]:
        """Write at most a page of the events after `last_sealed` as lines; returns (their count, the last one's seq, its hash)."""
        count, seq, hash_ = 0, last_sealed, ""
        with self._tail.open("wb") as file:
            for event in self._ledger.stored(last_sealed):
                file.write(event.envelope + b"\n")
                count, seq, hash_ = count + 1, event.seq, event.hash.hex()
                if count == PAGE:
                    break
        return count, seq, hash_

    def _seal(self, first: int, last: int, hash_: str) -> Segment:
        """The tail as a segment. Two processes may write the same one: equal events give an equal name."""
        path = self._folder / f"{first:012d}-{last:012d}-{hash_[:16]}.parquet"
        making = self._tail.with_suffix(".making")
        with _database() as db:
            db.execute(
                f"COPY ({_TABLE}read_json({_text(str(self._tail))}, format='newline_delimited', columns={_COLUMNS})) "
                f"TO {_text(str(making))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10000)"
            )
        making.chmod(0o600)
        making.replace(path)
        return Segment(path=path, first=first, last=last, hash=hash_[:16])


def _database() -> "duckdb.DuckDBPyConnection":
    """An empty database in memory that installs nothing and loads nothing."""
    try:
        import duckdb
    except ImportError as error:
        raise PermanentError(
            "DuckDB is not installed here",
            code="no-history",
            now_true="Nothing is lost: the ledger holds everything.",
            way_out=INSTALL_AGAIN,
        ) from error
    db = duckdb.connect(":memory:")
    db.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    db.execute("SET threads = 2; SET preserve_insertion_order = false")
    return db


@cache
def _views() -> str:
    return Path(__file__).with_name("views.sql").read_text(encoding="utf-8")


def _sweep(folder: Path) -> None:
    """Remove the tails of processes that are gone."""
    for path in folder.glob("tail-*"):
        try:
            os.kill(int(path.name.split("-")[1]), 0)
        except (ValueError, IndexError, ProcessLookupError):
            path.unlink(missing_ok=True)
        except PermissionError:
            continue


def _text(value: str) -> str:
    """A text as SQL writes it. For our own paths: settings and table functions take no bound values."""
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def body_of(row: dict[str, Any]) -> dict[str, Any]:
    """The body of a row of `events`."""
    body: dict[str, Any] = json.loads(row["body"])
    return body
