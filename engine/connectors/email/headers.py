"""The head of a letter, read from its bytes.

The standard library's header parser raises on letters real people send and takes time that grows with the square of a
header's length; this one does neither. Line ends of all three kinds are read.
"""

import base64
import binascii
import codecs
import re
from dataclasses import dataclass

from engine.connectors.arguments import plain

MAX_HEADERS = 1000
MAX_HEAD = 1_000_000
MAX_VALUE = 16_000

_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,200})[ \t]*:")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(?==\?)")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")

# Names under which letters carry text; anything else codecs know (hex, rot13, unicode_escape, idna) isn't one.
_TEXT_CODECS = (
    "utf", "ascii", "latin", "iso8859", "cp", "koi8", "mac", "big5", "gb", "euc", "shift", "iso2022", "johab", "hz", "tis",
    "ptcp", "kz",
)  # fmt: skip
# What senders mean, not what they say (as browsers read it).
_MEANT = {"iso8859-1": "cp1252", "ascii": "utf-8", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}


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
        values = self.raw(name)
        return decoded(values[0]) if values else ""

    def ids(self, name: str) -> tuple[str, ...]:
        """The message ids in all values of a header, in order, each once."""
        found = (one for value in self.raw(name) for one in _MESSAGE_ID.findall(unfolded(value)))
        return tuple(dict.fromkeys(found))


def even(raw: bytes) -> bytes:
    """The same letter with one kind of line end."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def split(data: bytes) -> Head:
    """The head of a letter with even line ends. A line that is no header ends it, as mail programs do."""
    spans: list[tuple[str, int, int]] = []
    at, readable = 0, True
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        if end == at:
            at = end + 1
            break
        match = _NAME.match(data, at, end)
        if data[at] in b" \t" and spans:
            spans[-1] = (*spans[-1][:2], end)
        elif match:
            spans.append((match[1].decode().lower(), match.end(), end))
        elif at > 0 or not data.startswith((b"From ", b">From ")):
            break
        at = end + 1
        if len(spans) > MAX_HEADERS or at > MAX_HEAD:
            readable = False
            break
    fields = tuple((name, data[start:end]) for name, start, end in spans)
    return Head(fields=fields, body=min(at, len(data)), readable=readable and bool(fields))


def unfolded(value: bytes) -> str:
    """A header value as one line of text; bytes beyond ASCII are UTF-8 or else Windows-1252."""
    flat = b" ".join(value[:MAX_VALUE].split())
    return to_text(flat, "utf-8")


def decoded(value: bytes) -> str:
    """A header value with its encoded words (RFC 2047) as text, on one line, without control characters."""
    return " ".join(plain(words(unfolded(value))).split())


def words(text: str) -> str:
    """Text with its encoded words decoded. What can't be decoded stays as it is; a split character is put together."""
    text = _BETWEEN.sub(r"\1", text)
    out: list[str] = []
    at, charset, held = 0, "", b""
    for match in _WORD.finditer(text):
        data = _word_bytes(match[2], match[3])
        if data is None:
            continue
        if match.start() != at or match[1].lower() != charset:
            out += [to_text(held, charset) if held else "", text[at : match.start()]]
            charset, held = match[1].lower(), b""
        held += data
        at = match.end()
    return "".join([*out, to_text(held, charset) if held else "", text[at:]])


def _word_bytes(encoding: str, content: str) -> bytes | None:
    raw = content.encode("utf-8", "replace")
    if encoding in "qQ":
        return _QUOTED.sub(lambda found: bytes([int(found[1], 16)]), raw.replace(b"_", b" "))
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4)) or None
    except (binascii.Error, ValueError):
        return None


def to_text(data: bytes, charset: str) -> str:
    """Bytes as text: in the charset they claim, else UTF-8, else Windows-1252. Never raises; may hold control characters."""
    claimed = charset.partition("*")[0].strip().strip("\"'").lower()
    try:
        name = codecs.lookup(claimed).name if claimed else "utf-8"
    except (LookupError, ValueError, UnicodeError):
        name = "utf-8"
    name = _MEANT.get(name, name)
    if not name.startswith(_TEXT_CODECS):
        name = "utf-8"
    for one in (name, "utf-8"):
        try:
            return data.decode(one)
        except (UnicodeError, LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")
