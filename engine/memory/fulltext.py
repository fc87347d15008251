"""Full-text search over the notes of the workspace: SQLite FTS5, in memory, made from the tree and forgotten with it.

A note is cut at its headings; each passage carries the way to it (`Title › Heading › Heading`). The kind of a note is its
front matter `type`, else its folder. Without `kind` only procedures and knowledge are searched: contact notes are about
other people, templates and agents are not knowledge. Words are looked for, never syntax: a query is cut into words, each
quoted, and of a long text only the words that tell notes apart are kept. A word is found in its other forms, too (`stems`).
"""

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Callable

from engine.memory import FULL_TEXT, RECALL, markdown_sections, stems
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.taint import Label, Labels
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json

MAX_NOTES = 20
_FOLDERS = {
    "vault/sops/": "sop", "vault/knowledge/contacts/": "contact", "vault/knowledge/": "note", "vault/templates/": "template",
    "vault/agents/": "agent",
}  # fmt: skip
HIDDEN = ("contact", "template", "agent")
_SKIPPED = ("vault/inbox/", "vault/outbox/")
_MAX_BYTES = 1_000_000
_PASSAGE = 2000
_MAX_QUERY = 20_000
_CANDIDATES, _WORDS = 80, 16
_WORD = re.compile(r"\w{2,40}")
_SCHEMA = """
create virtual table passages using fts5(
    title, trail, text, heading unindexed, path unindexed, kind unindexed, place unindexed,
    tokenize = "unicode61 remove_diacritics 2"
);
"""
_Forms = tuple[str, ...]
"""The forms of one word that occur in the notes."""
_SEARCH = """
select path, title, heading, text, bm25(passages, 3.0, 2.0, 1.0) as rank from passages
where passages match ? and (kind = ? or (? = '' and kind not in (?, ?, ?)))
order by round(rank, 6), path, cast(place as integer) limit ?
"""


class FullText:
    """Port Reader for `memory/recall`. Safe to use from several threads.

    `tree` gives the workspace that runs now; `front_matter` reads a note's (path, bytes) into a map, None without one.
    """

    def __init__(
        self, *, tree: Callable[[], Tree], front_matter: Callable[[str, bytes], dict[str, Json] | None]
    ) -> None:
        self._tree = tree
        self._front_matter = front_matter
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        self._indexed_blobs: dict[str, str] = {}
        self._spoken: tuple[str, ...] = ()

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (RECALL,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The nearest passages. Raises PermanentError on arguments it does not take."""
        query, kind, limit = asked(call)
        notes = self.find(query, kind=kind, limit=limit)
        call.seen.update(str(note["path"]) for note in notes)
        return {"notes": list(notes)}, frozenset({Label.OPERATOR})

    def find(self, query: str, *, kind: str, limit: int) -> list[dict[str, Json]]:
        """The nearest passages, best first."""
        with self._lock:
            tree = self._tree()
            return self._search(self._fresh(tree), query, kind, limit, tree.commit)

    def _search(
        self, base: sqlite3.Connection, query: str, kind: str, limit: int, commit: str
    ) -> list[dict[str, Json]]:
        words = _informative(base, query, self._spoken)
        if not words:
            return []
        match = " OR ".join(map(_any_of, words))
        rows = base.execute(_SEARCH, (match, kind, kind, *HIDDEN, limit)).fetchall()
        return [
            {
                "path": path, "title": title, "heading": heading, "commit": commit, "text": text, "score": round(-rank, 4),
                "found-by": FULL_TEXT,
            }
            for path, title, heading, text, rank in rows
        ]  # fmt: skip

    def _fresh(self, tree: Tree) -> sqlite3.Connection:
        """The index of the tree as it is now: only notes whose blob changed are read again."""
        blobs = {path: blob for path, blob in tree.paths() if is_note(path)}
        if self._base is None:
            self._base = sqlite3.connect(":memory:", check_same_thread=False)
            self._base.executescript(_SCHEMA + stems.VOCABULARY)
        previous = dict(self._indexed_blobs)
        for path in [path for path, blob in self._indexed_blobs.items() if blobs.get(path) != blob]:
            self._base.execute("delete from passages where path = ?", (path,))
            del self._indexed_blobs[path]
        for path, blob in blobs.items():
            if path not in self._indexed_blobs:
                self._add(self._base, path, tree.read(path)[:_MAX_BYTES])
                self._indexed_blobs[path] = blob
        if self._indexed_blobs != previous:
            self._spoken = stems.languages(self._base)
        return self._base

    def _add(self, base: sqlite3.Connection, path: str, raw: bytes) -> None:
        matter = self._front_matter(path, raw) or {}
        title, passages = cut(path, raw.decode("utf-8", "replace"), str(matter.get("title") or ""))
        kind = kind_of(path, matter)
        rows = [
            (title, trail, text, heading, path, kind, str(place))
            for place, (trail, heading, text) in enumerate(passages)
        ]
        base.executemany("insert into passages values (?, ?, ?, ?, ?, ?, ?)", rows)


def asked(call: Call) -> tuple[str, str, int]:
    """(query, kind or empty, limit) of a call. Raises PermanentError on arguments `memory/recall` does not take."""
    query, kind = call.args.get("query"), call.args.get("kind") or ""
    limit = call.args.get("limit")
    limit = 5 if limit is None else limit
    if not isinstance(query, str) or not isinstance(kind, str) or set(call.args) - {"query", "kind", "limit"}:
        raise PermanentError("memory/recall takes `query`, `kind` and `limit`", code="wrong-argument")
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 1 <= limit <= MAX_NOTES:
        raise PermanentError(f"`limit` is 1 to {MAX_NOTES}", code="wrong-argument")
    return query, kind, int(limit)


def is_note(path: str) -> bool:
    """Whether a file of the workspace is one to remember."""
    return path.startswith("vault/") and path.endswith(".md") and not path.startswith(_SKIPPED)


def kind_of(path: str, matter: dict[str, Json]) -> str:
    """A note's front matter `type`, else what its folder holds."""
    if isinstance(matter.get("type"), str):
        return str(matter["type"])
    return next((kind for folder, kind in _FOLDERS.items() if path.startswith(folder)), "note")


def cut(path: str, source: str, title: str = "") -> tuple[str, list[tuple[str, str, str]]]:
    """(title, passages as (trail, heading, text)) of a note. Front matter is left out; a fence never holds a heading."""
    passages: list[tuple[str, str, str]] = []
    for trail, text in markdown_sections.trails(markdown_sections.body(source)):
        title = title or (trail[0][1] if trail else "")
        way, heading = " › ".join(words for _, words in trail), trail[-1][1] if trail else ""
        passages += [(way, heading, f"{way}\n\n{piece}".strip()) for piece in _pieces(text)]
    return title or name_of(path), passages


def name_of(path: str) -> str:
    """A note's name where it gives itself none: its file's."""
    return path.rpartition("/")[2].removesuffix(".md")


def _pieces(text: str) -> list[str]:
    """A long passage in pieces of about 2,000 characters, cut between paragraphs where there are any."""
    pieces, piece = [], ""
    for paragraph in re.split(r"\n{2,}", text):
        for start in range(0, max(len(paragraph), 1), _PASSAGE):
            part = paragraph[start : start + _PASSAGE]
            if piece and len(piece) + len(part) > _PASSAGE:
                pieces.append(piece)
                piece = part
            else:
                piece = f"{piece}\n\n{part}" if piece else part
    return [*pieces, piece]


def _informative(base: sqlite3.Connection, query: str, spoken: tuple[str, ...]) -> list[_Forms]:
    """The words of a text that occur in some passages and not in most, each in its forms there: the rarest sixteen, in a fixed order."""
    text = unicodedata.normalize("NFC", query[:_MAX_QUERY]).lower()
    words = list(dict.fromkeys(_WORD.findall(text)))[: _CANDIDATES * 4]
    words = (
        sorted(words, key=lambda word: (-len(word), word))[:_CANDIDATES]
        if len(words) > _CANDIDATES
        else words
    )
    total = int(base.execute("select count(*) from passages").fetchone()[0])
    counted: dict[_Forms, int] = {}
    for word in words:
        forms = tuple(stems.alike(base, word, spoken))
        if not forms or forms in counted:
            continue
        match = (_any_of(forms),)
        hits = int(base.execute("select count(*) from passages where passages match ?", match).fetchone()[0])
        # Of a handful of words every one was meant; of a letter's, those in every other note say nothing.
        if hits and (len(words) <= 6 or hits * 2 <= total or total < 6):
            counted[forms] = hits
    return sorted(counted, key=lambda forms: (counted[forms], forms))[:_WORDS]


def _any_of(forms: _Forms) -> str:
    return " OR ".join(f'"{word}"' for word in forms)
