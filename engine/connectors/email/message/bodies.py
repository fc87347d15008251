"""What the body of a letter says, and what hangs on it.

Of the forms of an alternative one is read: the plain one, unless it says nothing or only that there is another. Where a letter has
bytes and no words, its text says so and names the parts, which are then among the attachments; so it does of everything left out.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from engine.connectors import charsets
from engine.connectors.arguments import one_line, plain, size_text
from engine.connectors.email.message import mime_parts
from engine.connectors.email.message.html_styles import says_something
from engine.connectors.email.message.html_text import MAX_TOKENS, from_html
from engine.connectors.email.message.mime_parts import MimePart

MAX_TEXT = 200_000
"""Characters of readable text; the rest is left out, and the text says so."""
NOTHING = "bytes, but no text I can read"
"""How the text of a letter begins that has a body and no words, after its bracket."""
CUT = "[… the rest is left out here]"
NOTES = (f"[{NOTHING}", "[… this letter has ", CUT)
"""How the lines begin that say what a letter's text lacks."""

# Of all parts together. Four bytes make a character at most; what exceeds the limit is left out anyway.
_MAX_WORDS, _MAX_PAGES = 4 * MAX_TEXT + 4, 3_000_000
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff/\\:*?\"<>|]+")
# Of text what is written for people; the rest is for programs and is a file.
_WORDS = {
    "text/plain",
    "text/html",
    "text/markdown",
    "text/x-markdown",
    "text/enriched",
    "text/richtext",
    "text/x-web-markdown",
}
_WORDS |= {"text/x-amp-html", "text/watch-html", "application/xhtml+xml", "text/unknown", "text/x-plain"}
# As programs misspell them.
_WORDS |= {"plain/text", "text/txt", "text/text", "text/ascii", "text/utf-8", "text/org", "text/x-org"}
_WORDS |= {"html/text", "text/xhtml", "text/xhtml+xml"}
_PAGES = {"text/html", "application/xhtml+xml", "html/text", "text/xhtml", "text/xhtml+xml"}
_LESSER = {"text/x-amp-html", "text/watch-html"}
_ENRICHED = re.compile(r"<(/?)([A-Za-z0-9-]{1,60})>")
# Pictures written into the page itself: megabytes before the first word.
_INLINE = re.compile(rb"(data:[\w/+.;=-]{1,100}),[A-Za-z0-9+/=%\s]{400,}")
_ELSEWHERE = re.compile(
    r"\bhtml\b|view (?:this|it|the) .{0,40}(?:browser|online)|im browser|dans (?:votre|un) navigateur|en (?:su|tu|el) navegador",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a letter. `name` has no folders and no invisible characters."""

    name: str
    media: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a letter says, and its files."""

    text: str
    attachments: tuple[Attachment, ...]


def read(raw: bytes, *, missing: int = 0) -> Content | None:
    """The content of a letter with even line ends; None when it is nested deeper than real letters are. `missing`: bytes not read."""
    try:
        leaves, whole = mime_parts.mime_leaves(raw)
    except mime_parts.TooMuch:
        return None
    words, files = _sorted(leaves)
    torn = leaves[-1:] if missing and leaves[-1] in files else []
    files = [part for part in files if part not in torn]
    text = _joined(words)
    notes = []
    if not says_something(text):
        text = ""
        if not torn and (silent := [part for part in leaves if part.content.strip()]):
            notes.append(f"[{NOTHING}: {_named(silent)}]")
            files = [part for part in leaves if part in files or part in silent]
    if len(text) > MAX_TEXT:
        notes.append(f"[… {len(text) - MAX_TEXT} more characters are left out here]")
        text = text[:MAX_TEXT]
    if missing:
        size = f"{size_text(len(raw) + missing)}, of which the first {size_text(len(raw))} were read"
        notes.append(f"[… this letter has {size}{_cut_off(torn)}]")
    if not whole:
        notes.append(f"[… this letter has more than {mime_parts.MAX_PARTS} parts; the others are left out]")
    return Content(
        text="\n".join(block for block in (text, *notes) if block),
        attachments=tuple(
            Attachment(name=_name(part), media=part.media, content=part.content) for part in files
        ),
    )


def _cut_off(torn: list[MimePart]) -> str:
    return f"; {_name(torn[0])} ({torn[0].media}) is cut off and left out" if torn else ""


def _named(silent: list[MimePart]) -> str:
    shown = [f"{_name(part)} ({part.media}, {size_text(len(part.content))})" for part in silent[:5]]
    remainder = [f"and {len(silent) - 5} more"] if len(silent) > 5 else []
    return ", ".join([*shown, *remainder])


def _sorted(leaves: list[MimePart]) -> tuple[list[str], list[MimePart]]:
    """(what the letter says, its files). Named parts of text speak only where nothing else does, and stay files."""
    by_number = {part.number: part for part in leaves}
    reader = _Reader()
    words = cache(lambda number: reader.text(by_number[number]))
    files = [part for part in leaves if not _speaks(part)]
    chosen = [words(part.number) for part in _chosen([part for part in leaves if _speaks(part)], words)]
    if not any(map(says_something, chosen)):
        named = [part for part in files if part.media in _WORDS and part.disposition.startswith("inline")]
        chosen += [words(part.number) for part in named]
    return chosen, files


def _joined(words: list[str]) -> str:
    return plain("\n\n".join(text for text in words if says_something(text))).strip("\n")


def _chosen(speaking: list[MimePart], words: Callable[[int], str]) -> list[MimePart]:
    """The parts to read: all outside of alternatives, and of each alternative one form."""
    groups: dict[int, list[MimePart]] = {}
    for part in speaking:
        if part.form is not None:
            groups.setdefault(part.form[0], []).append(part)
    forms = {group: _form(members, words) for group, members in groups.items()}
    return [part for part in speaking if part.form is None or forms[part.form[0]] == part.form]


def _form(members: list[MimePart], words: Callable[[int], str]) -> tuple[int, int, str] | None:
    """Of one alternative: the plain form where there is one that says something, else the last that does."""
    plain_ones = [part for part in members if part.form and part.form[2] == "text/plain"]
    stub = ""
    for part in plain_ones:
        text = words(part.number)
        if says_something(text):
            # Nothing but a stop or a rule is there because something has to be.
            if len(text) > 400 or (any(map(str.isalnum, text)) and not _ELSEWHERE.search(text)):
                return part.form
            stub = text
    for lesser in (False, True):
        for part in reversed(members):
            if part in plain_ones or (part.media in _LESSER) != lesser:
                continue
            text = words(part.number)
            if says_something(text) and len(text) > 2 * len(stub):
                return part.form
    return next((part.form for part in plain_ones if says_something(words(part.number))), None)


def _speaks(part: MimePart) -> bool:
    """Whether a part is words of the letter rather than a file."""
    if part.media not in _WORDS or part.disposition.startswith("attachment"):
        return False
    return not (part.name and part.disposition)


@dataclass(slots=True)
class _Reader:
    """Reads the words of one letter's parts, as many bytes and tags as are left: many parts cost no more than one."""

    words: int = _MAX_WORDS
    pages: int = _MAX_PAGES
    tags: int = MAX_TOKENS

    def text(self, part: MimePart) -> str:
        """What a part says, with a line where it is cut."""
        page = part.media in _PAGES | _LESSER
        content = _INLINE.sub(rb"\1,", part.content) if page else part.content
        limit = self.pages if page else self.words
        shorter = content[:limit]
        if page:
            self.pages -= len(shorter)
            text, tags = from_html(
                charsets.decode(shorter, part.charset, charsets.named_in(shorter)), self.tags
            )
            self.tags -= tags
        else:
            self.words -= len(shorter)
            text = charsets.decode(shorter, part.charset)
            text = _without_marks(text) if part.media in {"text/enriched", "text/richtext"} else text
        cut = len(shorter) < len(content) or (page and not self.tags)
        return f"{text}\n{CUT}" if cut and says_something(text) else text


def _without_marks(text: str) -> str:
    """Enriched text (RFC 1896) without its commands: one line end means none, and the next ones count."""
    text = re.sub(r"<param>[^<]{0,1000}</param>", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\n(\n*)", lambda ends: ends[1] or " ", text)
    return _ENRICHED.sub("", text.replace("<<", "\0")).replace("\0", "<")


def _name(part: MimePart) -> str:
    """The name without folders: of `../../.ssh/keys` the last one is left."""
    last = re.split(r"[/\\]", part.name)[-1]
    ending = _ENDINGS.get(part.media, "")
    return _BAD_NAME.sub("", one_line(last, 150)).strip(". ") or f"part-{part.number}{ending}"


_ENDINGS = {"message/rfc822": ".eml", "text/plain": ".txt", "text/html": ".html"}
