"""txtai behind a wall: rows in, ids and scores out, and the same answers however an index came to hold its rows.

Three things it does otherwise are set right here. A deleted row stays in its word statistics: they are corrected, so that scores equal
those of a fresh index. Common words are scored only roughly: all are scored. Beyond 5,000 rows it would search near vectors only
approximately: never here. Nothing saved is ever unpickled, and no setting is taken from a file.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.memory.encoder import txtai
from engine.memory.fulltext import HIDDEN

Encode = Callable[[Sequence[str]], tuple[bytes, ...]]
"""Texts to their unit vectors, as little-endian float32."""

CANDIDATES, ANSWERS = 1000, 50
"""What is asked of the index, always: what it ranks first depends on how many it is asked for."""

_DECIMALS = 6
_KEYS = frozenset({
    "autoid", "backend", "build", "content", "dimensions", "format", "hybrid", "method", "offset", "scoring", "transform",
    "update", "dense",
})  # fmt: skip
"""What a saved index may say of itself; anything else could make it load code."""

_SELECT = "select id, score, path, title, kind, text, lead, sections, hash from txtai where similar(:query, {candidates}) and {shelf}"
_EVERYTHING = "select id, path, title, kind, text, lead, sections, hash from txtai"
_OPERATOR = re.compile(r"[*%_\\\x00]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageRow:
    """A passage as the index holds it. `lead` is words it is found by too: the note's file name where it has no title."""

    id: str
    path: str
    title: str
    kind: str
    text: str
    lead: str
    sections: tuple[tuple[str, str], ...]
    hash: str

    @property
    def print(self) -> str:
        """Names everything that is stored of it."""
        parts = [self.id, self.path, self.title, self.kind, self.text, self.lead, self.hash]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()

    @property
    def words(self) -> str:
        """What it is found by."""
        return f"{self.lead}\n\n{self.text}" if self.lead else self.text


class Hybrid:
    """One txtai index: near vectors and BM25 together. Not safe to use from several threads.

    `encode` turns a query into its vector; vectors of rows are handed in.
    """

    def __init__(self, *, encode: Encode) -> None:
        self._encode = encode
        self._known_vectors: dict[str, bytes] = {}
        self._embeddings: Any = txtai().Embeddings(self._settings())
        self.dead = 0
        """Rows that were deleted and still take room."""

    @property
    def count(self) -> int:
        """Rows that can be found."""
        return int(self._embeddings.count()) if self._embeddings.ann else 0

    def add(self, rows: Sequence[PassageRow], vectors: Mapping[str, bytes]) -> None:
        """Rows with ids that are not there. `vectors` are by their texts' hashes."""
        if not rows:
            return
        self._known_vectors = {row.words: vectors[row.hash] for row in rows}
        self._embeddings.upsert([(row.id, _data(row), None) for row in rows])
        self._known_vectors = {}

    def delete(self, ids: Sequence[str]) -> None:
        """Forget rows, in the statistics of words, too."""
        scoring = self._embeddings.scoring
        for id_ in ids:
            rows = self._embeddings.search(
                "select text from txtai where id = :id", limit=1, parameters={"id": id_}
            )
            for row in rows:
                _forget(scoring, scoring.tokenize(row["text"]))
        if ids:
            self.dead += len(self._embeddings.delete(list(ids)))
            scoring.index()

    def search(self, query: str, *, kind: str) -> list[tuple[float, PassageRow]]:
        """Up to fifty (score, passage), best first; equal scores by id. Without `kind`, what is not knowledge is left out."""
        # An asterisk would be a pattern; a query is words.
        query = _OPERATOR.sub(" ", query).strip()
        if not query or not self.count:
            return []
        shelf = "kind = :kind" if kind else " and ".join(f"kind <> '{hidden}'" for hidden in HIDDEN)
        hits = self._embeddings.search(
            _SELECT.format(candidates=CANDIDATES, shelf=shelf),
            limit=ANSWERS,
            parameters={"query": query, "kind": kind},
        )
        answers = [(round(float(hit["score"]), _DECIMALS), _row(hit)) for hit in hits]
        return sorted(answers, key=lambda answer: (-answer[0], answer[1].id))

    def vectors(self) -> dict[str, bytes]:
        """Every row's vector as the index holds it, by id."""
        asked = "select id, indexid from txtai"
        rows = self._embeddings.search(asked, limit=max(1, self.count)) if self.count else []
        return {row["id"]: self._vector(int(row["indexid"])) for row in rows}

    def rows(self) -> list[PassageRow]:
        """Every row, by id."""
        rows = self._embeddings.search(_EVERYTHING, limit=max(1, self.count)) if self.count else []
        return sorted((_row(row) for row in rows), key=lambda passage: passage.id)

    def save(self, folder: Path) -> None:
        """Write it there, whole. The first folder it is saved to stays its own: publish copies only."""
        self._embeddings.save(str(folder))

    def load(self, folder: Path) -> None:
        """Read it, and go on working in that folder. Raises ValueError when it is not one of ours."""
        settings = json.loads((folder / "config.json").read_bytes())
        if not isinstance(settings, dict) or set(settings) - _KEYS:
            raise ValueError("its settings are not ours")
        mine = self._settings()
        self._embeddings.load(str(folder), config=mine)
        self._embeddings.database.connection.execute("pragma secure_delete = on")

    def close(self) -> None:
        """Let go of its files; repeating is harmless."""
        self._embeddings.close()

    def _vector(self, place: int) -> bytes:
        return bytes(self._embeddings.ann.backend[place].astype("<f4").tobytes())

    def _settings(self) -> dict[str, Any]:
        def vectors(texts: Iterable[str]) -> Any:
            import numpy as np

            encoded = [self._known_vectors.get(text) or self._encode([text])[0] for text in texts]
            return np.array([np.frombuffer(vector, dtype="<f4") for vector in encoded], dtype=np.float32)

        return {
            "method": "external", "transform": vectors, "hybrid": True, "content": True, "backend": "numpy", "format": "json",
            # A cut-off beyond 1: no word is so common that it is scored only for rows other words found.
            "scoring": {"method": "bm25", "terms": {"cutoff": 2.0}, "normalize": True},
        }  # fmt: skip


def _data(row: PassageRow) -> dict[str, Any]:
    return {
        "text": row.words, "lead": row.lead, "path": row.path, "title": row.title, "kind": row.kind, "hash": row.hash,
        "sections": json.dumps(row.sections),
    }  # fmt: skip


def _row(row: dict[str, Any]) -> PassageRow:
    return PassageRow(
        id=row["id"], path=row["path"], title=row["title"], kind=row["kind"], lead=row["lead"], hash=row["hash"],
        text=row["text"].removeprefix(f"{row['lead']}\n\n") if row["lead"] else row["text"],
        sections=tuple((heading, words) for heading, words in json.loads(row["sections"])),
    )  # fmt: skip


def _forget(scoring: Any, tokens: list[str]) -> None:
    scoring.total -= 1
    for counter, gone in ((scoring.wordfreq, tokens), (scoring.docfreq, set(tokens))):
        counter.subtract(gone)
        for token in set(tokens):
            if counter[token] <= 0:
                del counter[token]
                # Its list of rows is still there, all of them dead.
                scoring.idf[token] = 0.0
