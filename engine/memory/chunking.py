"""Notes cut into passages to be remembered: about 150 words under their heading, small neighbours together.

A passage says the note's title and the way to its heading. Its digest is over that text and the chunker's version, not over the
path: a note that moves keeps its passages' digests. What can't be remembered, or not whole, says why.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.memory import markdown_sections

CHUNKER = "head-merge 1"
"""Raise it with every change of what a note is cut into: vectors of other texts are then never taken for these."""

WORDS, CHARACTERS = 150, 1500
MAX_BYTES, MAX_CHUNKS = 1_000_000, 400
_MAX_TRAIL = 300
_MAX_BROKEN = 0.1
_WORD = re.compile(r"\w{2,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage: `text` is what is encoded and shown, `sections` are the headings in it with their words, `hash` its digest."""

    text: str
    sections: tuple[tuple[str, str], ...]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a note became. `title` is the authored one, empty when there is none; `lost` says why something is left out, if it is."""

    title: str = ""
    chunks: tuple[Chunk, ...] = ()
    lost: str = ""


@dataclass(slots=True)
class OpenPassage:
    """A passage being filled."""

    crumb: str
    parts: list[str] = field(default_factory=list)
    sections: list[tuple[str, str]] = field(default_factory=list)
    words: int = 0
    characters: int = 0

    def fits(self, words: int, characters: int) -> bool:
        return self.words + words <= WORDS and self.characters + characters <= CHARACTERS

    def add(self, heading: str, part: str) -> None:
        first = not self.parts
        again = bool(self.sections) and self.sections[-1][0] == heading
        shown = part if first or again or not heading else f"{heading}\n\n{part}".strip()
        self.parts.append(shown)
        if again:
            self.sections[-1] = (heading, f"{self.sections[-1][1]}\n\n{part}")
        else:
            self.sections.append((heading, part))
        self.words += len(shown.split())
        self.characters += len(shown)

    def close(self) -> Chunk:
        text = "\n\n".join(part for part in (self.crumb, *self.parts) if part)
        digest = hashlib.sha256(f"{CHUNKER}\0{text}".encode("utf-8", "replace")).hexdigest()
        return Chunk(text=text, sections=tuple(self.sections), hash=digest)


def cut(raw: bytes, title: str = "") -> Cut:
    """The passages of a note. `title` is its front matter's, if it has one. Never raises; linear in the size of the note."""
    source, lost = _text(raw)
    if not source:
        return Cut(lost=lost)
    trails = list(markdown_sections.trails(markdown_sections.body(source)))
    title = title or next((trail[0][1] for trail, _ in trails if trail), "")
    chunks: list[Chunk] = []
    for chunk in _packed(title, trails):
        if len(chunks) == MAX_CHUNKS:
            lost = f"only its first {MAX_CHUNKS} passages are remembered"
            break
        chunks.append(chunk)
    return Cut(title=title, chunks=tuple(chunks), lost=lost)


def section_of(sections: tuple[tuple[str, str], ...], query: str) -> str:
    """The heading of a passage's section that shares most words with `query`; its first one when none does."""
    query_words = set(_WORD.findall(query.casefold()))
    scores = [
        len(query_words & set(_WORD.findall(f"{heading} {words}".casefold()))) for heading, words in sections
    ]
    return sections[scores.index(max(scores))][0] if sections else ""


def _text(raw: bytes) -> tuple[str, str]:
    if len(raw) > MAX_BYTES:
        return "", f"larger than {MAX_BYTES // 1_000_000} MB"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), ""
    if b"\0" in raw:
        return "", "binary"
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        source = raw.decode("utf-8", "replace")
    if source.count("\ufffd") > _MAX_BROKEN * len(source):
        return "", "not UTF-8 text"
    return source, "some of its letters are not UTF-8 and are shown as �"


def _packed(title: str, trails: list[tuple[tuple[tuple[int, str], ...], str]]) -> Iterator[Chunk]:
    filling: OpenPassage | None = None
    for trail, under in trails:
        heading = trail[-1][1] if trail else ""
        if filling is not None and trail and trail[-1][0] == 1:
            # A new top heading begins a new subject.
            yield filling.close()
            filling = None
        for piece in _pieces(under):
            if filling is not None and not filling.fits(len(piece.split()), len(piece)):
                yield filling.close()
                filling = None
            filling = filling or OpenPassage(_crumb(title, trail))
            filling.add(heading, piece)
    if filling is not None:
        yield filling.close()


def _crumb(title: str, trail: tuple[tuple[int, str], ...]) -> str:
    way = [words for _, words in trail]
    if title and way[:1] != [title]:
        way = [title, *way]
    return " › ".join(way)[:_MAX_TRAIL]


def _pieces(text: str) -> Iterator[str]:
    """A section in pieces that fit: whole paragraphs where they do, else lines, else words."""
    if _fits(text):
        yield text
        return
    for parts, glue in (
        (re.split(r"\n{2,}", text), "\n\n"), (text.split("\n"), "\n"), (text.split(), " "), (_letters(text), ""),
    ):  # fmt: skip
        if len(parts) > 1:
            yield from _joined(parts, glue)
            return


def _joined(parts: list[str], glue: str) -> Iterator[str]:
    pieces: list[str] = []
    words = characters = 0
    for part in parts:
        part_words = len(part.split())
        if pieces and (words + part_words > WORDS or characters + len(part) > CHARACTERS):
            yield glue.join(pieces)
            pieces, words, characters = [], 0, 0
        if _fits(part):
            pieces.append(part)
            words, characters = words + part_words, characters + len(part) + len(glue)
        else:
            yield from _pieces(part)
    if pieces:
        yield glue.join(pieces)


def _fits(text: str) -> bool:
    return len(text) <= CHARACTERS and len(text.split()) <= WORDS


def _letters(text: str) -> list[str]:
    return [text[start : start + CHARACTERS] for start in range(0, len(text), CHARACTERS)]
