"""Full-text search over the notes of the workspace: SQLite FTS5, in memory, made from the tree and forgotten with it.

A note is cut at its headings; each passage carries the way to it (`Title › Heading › Heading`). The kind of a note is its
front matter `type`, else its folder. Without `kind` only procedures and knowledge are searched: contact notes are about
other people, templates and agents are not knowledge. Words are looked for, never syntax: a query is cut into words, each
quoted, and of a long text only the words that tell notes apart are kept.
"""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator

from engine.memory import RECALL
from engine.model.actions import ActionSpec
from engine.model.canonical import Json
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.labels import Label, Labels
from engine.model.ports import Tree

FOUND_BY = "full-text"
MOST_NOTES = 20
_FOLDERS = {
    "vault/sops/": "sop", "vault/knowledge/contacts/": "contact", "vault/knowledge/": "note", "vault/templates/": "template",
    "vault/agents/": "agent",
}  # fmt: skip
_HIDDEN = ("contact", "template", "agent")
_SKIPPED = ("vault/inbox/", "vault/outbox/")
_MOST_BYTES = 1_000_000
_PASSAGE = 2000
_MOST_QUERY = 20_000
_CANDIDATES, _WORDS = 80, 16
_WORD = re.compile(r"\w{2,40}")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE = re.compile(r"[ \t]{0,3}(```+|~~~+)")
_SCHEMA = """
create virtual table passages using fts5(
    title, trail, text, path unindexed, kind unindexed, place unindexed,
    tokenize = "unicode61 remove_diacritics 2"
);
"""
_SEARCH = """
select path, title, text, bm25(passages, 3.0, 2.0, 1.0) as rank from passages
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
        self._held: dict[str, str] = {}

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (RECALL,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The nearest passages. Raises PermanentError on arguments it does not take."""
        query, kind = call.args.get("query"), call.args.get("kind") or ""
        limit = call.args.get("limit")
        limit = 5 if limit is None else limit
        if (
            not isinstance(query, str)
            or not isinstance(kind, str)
            or set(call.args) - {"query", "kind", "limit"}
        ):
            raise PermanentError("memory/recall takes `query`, `kind` and `limit`", code="wrong-argument")
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 1 <= limit <= MOST_NOTES:
            raise PermanentError(f"`limit` is 1 to {MOST_NOTES}", code="wrong-argument")
        with self._lock:
            found = self._search(self._fresh(), query, kind, int(limit))
        return {"notes": found}, frozenset({Label.OPERATOR})

    def _search(self, base: sqlite3.Connection, query: str, kind: str, limit: int) -> list[dict[str, Json]]:
        words = _informative(base, query)
        if not words:
            return []
        match = " OR ".join(f'"{word}"' for word in words)
        rows = base.execute(_SEARCH, (match, kind, kind, *_HIDDEN, limit)).fetchall()
        return [
            {"path": path, "title": title, "text": text, "score": round(-rank, 4), "found-by": FOUND_BY}
            for path, title, text, rank in rows
        ]

    def _fresh(self) -> sqlite3.Connection:
        """The index of the tree as it is now: only notes whose blob changed are read again."""
        tree = self._tree()
        wanted = {path: blob for path, blob in tree.paths() if _is_note(path)}
        if self._base is None:
            self._base = sqlite3.connect(":memory:", check_same_thread=False)
            self._base.executescript(_SCHEMA)
        for path in [path for path, blob in self._held.items() if wanted.get(path) != blob]:
            self._base.execute("delete from passages where path = ?", (path,))
            del self._held[path]
        for path, blob in wanted.items():
            if path not in self._held:
                self._add(self._base, path, tree.read(path)[:_MOST_BYTES])
                self._held[path] = blob
        return self._base

    def _add(self, base: sqlite3.Connection, path: str, data: bytes) -> None:
        matter = self._front_matter(path, data) or {}
        title, passages = cut(path, data.decode("utf-8", "replace"), str(matter.get("title") or ""))
        kind = matter.get("type") if isinstance(matter.get("type"), str) else _folder_kind(path)
        rows = [(title, trail, text, path, kind, str(place)) for place, (trail, text) in enumerate(passages)]
        base.executemany("insert into passages values (?, ?, ?, ?, ?, ?)", rows)


def _is_note(path: str) -> bool:
    return path.startswith("vault/") and path.endswith(".md") and not path.startswith(_SKIPPED)


def _folder_kind(path: str) -> str:
    return next((kind for folder, kind in _FOLDERS.items() if path.startswith(folder)), "note")


def cut(path: str, source: str, title: str = "") -> tuple[str, list[tuple[str, str]]]:
    """(title, passages as (trail, text)) of a note. Front matter is left out; a fence never holds a heading."""
    body = _without_front_matter(source.removeprefix("\ufeff").replace("\r\n", "\n"))
    trail: list[tuple[int, str]] = []
    passages: list[tuple[str, str]] = []
    for heading, lines in _sections(body):
        if heading is not None:
            level, words = heading
            trail = [one for one in trail if one[0] < level] + [(level, words)]
            title = title or words
        text = "\n".join(lines).strip()
        if text or heading is not None:
            way = " › ".join(words for _, words in trail)
            passages += [(way, f"{way}\n\n{piece}".strip()) for piece in _pieces(text)]
    return title or path.rpartition("/")[2].removesuffix(".md"), passages


def _without_front_matter(source: str) -> str:
    if not source.startswith("---\n"):
        return source
    end = re.search(r"^(?:---|\.\.\.)[ \t]*$", source[4:], re.MULTILINE)
    return source[4 + end.end() :] if end else source


def _sections(body: str) -> Iterator[tuple[tuple[int, str] | None, list[str]]]:
    heading: tuple[int, str] | None = None
    lines: list[str] = []
    fence = ""
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        found = None if fence else _HEADING.match(line)
        if found:
            yield heading, lines
            heading, lines = (len(found[1]), found[2].strip()), []
        else:
            lines.append(line)
    yield heading, lines


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


def _informative(base: sqlite3.Connection, query: str) -> list[str]:
    """The words of a text that are in some passages and not in most: the rarest sixteen, in a fixed order."""
    words = list(dict.fromkeys(_WORD.findall(query[:_MOST_QUERY].casefold())))[: _CANDIDATES * 4]
    words = (
        sorted(words, key=lambda one: (-len(one), one))[:_CANDIDATES] if len(words) > _CANDIDATES else words
    )
    total = int(base.execute("select count(*) from passages").fetchone()[0])
    counted = []
    for word in words:
        match = (f'"{word}"',)
        found = int(base.execute("select count(*) from passages where passages match ?", match).fetchone()[0])
        # Of a handful of words every one was meant; of a letter's, those in every other note say nothing.
        if found and (len(words) <= 6 or found * 2 <= total or total < 6):
            counted.append((found, word))
    return [word for _, word in sorted(counted)[:_WORDS]]
