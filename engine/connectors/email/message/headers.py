"""The head of a letter, read from its bytes.

The standard library's header parser raises on letters real people send and takes time that grows with the square of a
header's length; this one does neither. Line ends of all three kinds are read.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from engine.connectors.arguments import plain
from engine.connectors.charsets import decode

MAX_HEADERS = 1000
MAX_HEAD = 1_000_000
MAX_VALUE = 16_000

_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,200})[ \t]*:")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(?==\?)")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")
_BARE_ID = re.compile(
    r"[\x21\x23-\x2b\x2d-\x3a\x3d\x3f-\x7e]{1,200}@[\x21\x23-\x2b\x2d-\x3a\x3d\x3f-\x7e]{1,200}"
)
_CHARSET = re.compile(rb"charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Headers in order, names in lower case, values as raw bytes (folded). `body` is where the rest begins."""

    fields: tuple[tuple[str, bytes], ...]
    body: int
    readable: bool

    def raw(self, name: str) -> tuple[bytes, ...]:
        """Every value of a header, top first."""
        return tuple(value for field, value in self.fields if field == name)

    def has(self, name: str) -> bool:
        """Whether the header is there at all."""
        return any(field == name for field, _ in self.fields)

    def text(self, name: str) -> str:
        """The first value, decoded, as one line; empty when there is none."""
        return next(iter(self.texts(name)), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value, decoded, each as one line."""
        return tuple(" ".join(plain(words(line)).split()) for line in self.lines(name))

    def lines(self, name: str) -> tuple[str, ...]:
        """Every value as one line, encoded words as they are. Bytes beyond ASCII are in the charset of the letter, if they are not UTF-8."""
        values = self.raw(name)
        own = self._charset() if values and not all(map(bytes.isascii, values)) else ""
        return tuple(unfolded(value, own) for value in values)

    def _charset(self) -> str:
        match = next(
            (candidate for value in self.raw("content-type") if (candidate := _CHARSET.search(value))), None
        )
        return match[1].decode("ascii", "replace") if match else ""

    def ids(self, name: str) -> tuple[str, ...]:
        """The message ids in all values of a header, in order, each once. Where none is in brackets, those without are taken."""
        lines = [unfolded(value) for value in self.raw(name)]
        written = [id_ for line in lines for id_ in _MESSAGE_ID.findall(line)]
        return tuple(
            dict.fromkeys(written or [f"<{id_}>" for line in lines for id_ in _BARE_ID.findall(line)])
        )


def even(raw: bytes) -> bytes:
    """The same letter with one kind of line end, and without what editors and gateways put before its head: marks, blank lines."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raw = decode(raw).encode("utf-8", "replace")
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\xef\xbb\xbf \t\n\0")


def split(raw: bytes) -> Head:
    """The head of a letter with even line ends. A line that is not a header ends it, as in mail programs."""
    spans: list[tuple[str, int, int]] = []
    at, readable = 0, True
    while at < len(raw):
        end = raw.find(b"\n", at)
        end = len(raw) if end < 0 else end
        if end == at:
            at = end + 1
            break
        match = _NAME.match(raw, at, end)
        if raw[at] in b" \t" and spans:
            spans[-1] = (*spans[-1][:2], end)
        elif match:
            spans.append((match[1].decode().lower(), match.end(), end))
        elif at > 0 or not raw.startswith((b"From ", b">From ")):
            break
        at = end + 1
        if len(spans) > MAX_HEADERS or at > MAX_HEAD:
            readable = False
            break
    fields = tuple((name, raw[start:end]) for name, start, end in spans)
    return Head(fields=fields, body=min(at, len(raw)), readable=readable and bool(fields))


def unfolded(value: bytes, charset: str = "") -> str:
    """A header value as one line of text; bytes beyond ASCII are UTF-8, or else in `charset`, or what they look like."""
    return decode(b" ".join(value[:MAX_VALUE].split()), named=charset)


def words(text: str) -> str:
    """Text with its encoded words decoded. What can't be decoded stays as it is; a split character is put together."""
    text = _BETWEEN.sub(r"\1", text)
    out: list[str] = []
    at, charset, pending = 0, "", b""
    for match in _WORD.finditer(text):
        chunk = _word_bytes(match[2], match[3])
        if chunk is None:
            continue
        if match.start() != at or match[1].lower() != charset:
            out += [decode(pending, charset) if pending else "", text[at : match.start()]]
            charset, pending = match[1].lower(), b""
        pending += chunk
        at = match.end()
    return "".join([*out, decode(pending, charset) if pending else "", text[at:]])


def _word_bytes(encoding: str, content: str) -> bytes | None:
    raw = content.encode("utf-8", "replace")
    if encoding in "qQ":
        return _QUOTED.sub(lambda match: bytes([int(match[1], 16)]), raw.replace(b"_", b" "))
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4)) or None
    except (binascii.Error, ValueError):
        return None
