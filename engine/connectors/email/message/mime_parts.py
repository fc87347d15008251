"""The parts of a letter's body, found in one pass over its bytes.

The standard library's parser takes minutes for a hostile letter of 25 MB (a folded header within a part costs the square
of its length, nested parts their depth times every line). Here each byte is looked at once per level, and past a limit
the letter is given up.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote_to_bytes

from engine.connectors.charsets import decode
from engine.connectors.email.message import headers
from engine.connectors.email.message.headers import Head

MAX_DEPTH = 20
MAX_PARTS = 200

_PARAMETER = re.compile(r';\s*([^\s=;"]{1,80})\s*=\s*("(?:[^"\\]|\\.){0,3000}"|[^;]{0,3000})')
_MEDIA = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
_MAX_VALUE = 4000
_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_ENCODING = re.compile(r"[a-z0-9-]+")


class TooMuch(Exception):
    """Deeper than anybody writes."""


class _Enough(Exception):
    """As many parts as are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MimePart:
    """One leaf. `media` is lower case; `charset` and `name` as written, empty without; `content` decoded; `number` counts from 1.

    `form` names the alternative it belongs to: (group, which of them, media of that form), None outside of one.
    """

    media: str
    charset: str
    disposition: str
    name: str
    content: bytes
    number: int
    form: tuple[int, int, str] | None


def mime_leaves(raw: bytes) -> tuple[list[MimePart], bool]:
    """The leaves of a letter with even line ends, in order, and whether that is all of them. Raises TooMuch."""
    walk = MimeWalk(raw=raw)
    leaves: list[MimePart] = []
    try:
        # What was read before there were too many stays.
        leaves.extend(walk.within(0, len(raw), depth=0, form=None))
    except _Enough:
        return leaves, False
    return leaves, True


@dataclass(slots=True, kw_only=True)
class MimeWalk:
    raw: bytes
    count: int = 0

    def within(
        self, start: int, end: int, *, depth: int, form: tuple[int, int, str] | None
    ) -> Iterator[MimePart]:
        """The leaves between two places."""
        self.count += 1
        if depth > MAX_DEPTH:
            raise TooMuch
        if self.count > MAX_PARTS:
            raise _Enough
        number = self.count
        # A head is short; nothing beyond its limit is a header.
        head = headers.split(self.raw[start : min(end, start + headers.MAX_HEAD + 1)])
        media, parameters = content_type(head)
        body = start + head.body
        boundary = parameters.get("boundary", "").encode("utf-8", "replace")
        sections = self._sections(body, end, boundary) if media.startswith("multipart/") and boundary else []
        # One more than is read, to know that there are more.
        inner = list(islice(sections, MAX_PARTS + 1))
        if not inner:
            # A boundary that never comes: what is there is shown as it is.
            plain = "text/plain" if media.startswith("multipart/") else media
            yield _leaf(head, plain, parameters, self.raw[body:end], number, form)
            return
        for place, (first, last) in enumerate(inner):
            below = form
            if media == "multipart/alternative" and form is None:
                below = (number, place, self._media_at(first, last))
            yield from self.within(first, last, depth=depth + 1, form=below)

    def _media_at(self, start: int, end: int) -> str:
        return content_type(headers.split(self.raw[start : min(end, start + headers.MAX_HEAD + 1)]))[0]

    def _sections(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        marker = b"--" + boundary
        at, opened = start, -1
        while (position := self.raw.find(marker, at, end)) >= 0:
            stop = self.raw.find(b"\n", position, end)
            stop = end if stop < 0 else stop
            begins = position == start or self.raw[position - 1] == 0x0A
            tail = self.raw[position + len(marker) : stop].rstrip(b" \t") if begins else b"?"
            at = stop
            if tail not in {b"", b"--"}:
                continue
            if opened >= 0:
                yield opened, max(opened, position - 1)
            if tail:
                return
            opened = min(stop + 1, end)
        if opened >= 0:
            yield opened, end


def content_type(head: Head) -> tuple[str, dict[str, str]]:
    """(media type, parameters) of a head; text/plain for what is missing or no media type."""
    main, parameters = _value(head, "content-type")
    # `text/plain charset=utf-8`, without its semicolon, still means text.
    media = next(iter(main.lower().split()), "")
    return media if _MEDIA.fullmatch(media) else "text/plain", parameters


def _value(head: Head, name: str) -> tuple[str, dict[str, str]]:
    values = head.raw(name)
    if not values:
        return "", {}
    text = headers.unfolded(values[0][:_MAX_VALUE])
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(text):
        value = match[2].strip()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value.strip('"'))
        parameters.setdefault(match[1].lower(), value)
    return text.partition(";")[0].strip(), parameters


def _leaf(
    head: Head,
    media: str,
    parameters: dict[str, str],
    content: bytes,
    number: int,
    form: tuple[int, int, str] | None,
) -> MimePart:
    disposition, named = _value(head, "content-disposition")
    return MimePart(
        media=media,
        charset=parameters.get("charset", ""),
        disposition=disposition.lower(),
        name=_named(named, "filename") or _named(parameters, "name"),
        content=_decoded(_encoding(head), content),
        number=number,
        form=form,
    )


def _named(parameters: dict[str, str], base: str) -> str:
    """A file name, also when it is coded or comes in pieces (RFC 2231)."""
    whole = parameters.get(f"{base}*")
    if whole is not None:
        charset, _, remainder = whole.partition("'")
        return decode(unquote_to_bytes(remainder.partition("'")[2] or remainder), charset)
    pieces = sorted(
        (int(key.split("*")[1]), key.endswith("*"), value)
        for key, value in parameters.items()
        if re.fullmatch(rf"{base}\*\d{{1,3}}\*?", key)
    )
    if not pieces:
        return headers.words(parameters.get(base, ""))
    charset, joined = "utf-8", b""
    for number, coded, piece in pieces:
        first = coded and number == 0 and piece.count("'") >= 2
        charset, value = (piece.split("'", 2)[0], piece.split("'", 2)[2]) if first else (charset, piece)
        joined += unquote_to_bytes(value) if coded else value.encode("utf-8", "replace")
    return decode(joined, charset)


def _encoding(head: Head) -> str:
    """The transfer encoding, without the comments, quotes and marks that some writers add."""
    written = re.sub(r"\([^()]*\)", " ", head.text("content-transfer-encoding").lower())
    word = _ENCODING.search(written)
    name = word[0] if word else ""
    return {"base-64": "base64", "quotedprintable": "quoted-printable", "qp": "quoted-printable"}.get(
        name, name
    )


def _decoded(encoding: str, encoded: bytes) -> bytes:
    match encoding:
        case "base64":
            return _from_base64(encoded)
        case "quoted-printable":
            return quopri.decodestring(encoded)
        case "x-uuencode" | "uuencode" | "uue" | "x-uue":
            return _from_uu(encoded)
        case _:
            return encoded


def _from_base64(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded)
    except binascii.Error:
        # Cut off or soiled on the way: what can be read is read.
        symbols = _BASE64.sub(b"", encoded)
        return binascii.a2b_base64(symbols[: len(symbols) // 4 * 4])


def _from_uu(encoded: bytes) -> bytes:
    decoded = bytearray()
    begun = False
    for line in encoded.split(b"\n"):
        if not begun:
            begun = line.startswith(b"begin ")
        elif line.strip() == b"end":
            break
        elif line:
            try:
                decoded += binascii.a2b_uu(line)
            except binascii.Error:
                # Some writers leave trailing spaces out or put characters too many.
                size = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    decoded += binascii.a2b_uu(line[:size])
                except binascii.Error:
                    continue
    return bytes(decoded)
