"""Letters in Outlook's own form (MS-OXMSG: properties in a compound file), written out as any other program would send them.

`olefile` reads the container; what the properties mean is read here. The head is the one the letter came with, where Outlook kept it.
"""

import base64
import io
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from engine.connectors import charsets
from engine.connectors.arguments import one_line
from engine.connectors.email.message.addresses import Mailbox, usable
from engine.connectors.email.message.bodies import Attachment
from engine.connectors.email.message.mime_writer import encoded, field, file_part, mailbox
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import sha256

if TYPE_CHECKING:
    import olefile

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_MAX_FILES = 200
_MAX_HEAD = 200_000
_PROPERTIES = "__properties_version1.0"
_SUBJECT, _BODY, _HTML, _HEAD, _TO = "0037", "1000", "1013", "007D", "0E04"
_NAMES, _ADDRESSES = ("0C1A", "0042"), ("5D01", "5D02", "0C1F", "0065")
_ID, _REFERENCES, _ANSWERS = "1035", "1039", "1042"
_LONG_NAME, _SHORT_NAME, _MEDIA, _BYTES, _INNER = "3707", "3704", "370E", "3701", "3701000D"
_CODEPAGES, _TIMES = (0x3FDE0003, 0x3FFD0003), (0x0E060040, 0x00390040)
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
# The form of the body is ours; the rest of the head is the sender's.
_OURS = re.compile(rb"(?i)(?:content-[\w-]+|mime-version)[ \t]*:")


def letter_of(raw: bytes) -> bytes:
    """The letter as RFC 5322 has it. Raises PermanentError(code='not-readable')."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(raw)) as container:
            # Several entries may name one place: what is taken out is bounded, not only what is there.
            return _Message(container, max_bytes=2 * len(raw) + 1_000_000).letter(sha256(raw)[:40])
    except (
        OSError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
        struct.error,
    ) as error:
        raise PermanentError(
            "this file of Outlook's can't be read",
            code="not-readable",
            way_out="save the letter as .eml in a mail program, and drop that",
        ) from error


class _Message:
    """The properties of one message in its container, of which at most so many bytes are taken."""

    def __init__(self, container: "olefile.OleFileIO", *, max_bytes: int) -> None:
        self._container = container
        self._left = max_bytes
        self._fixed = self._properties()
        pages = [self._fixed[tag] & 0xFFFFFFFF for tag in _CODEPAGES if tag in self._fixed]
        self._charset = {65001: "utf-8", 20127: "us-ascii"}.get(pages[0], f"cp{pages[0]}") if pages else ""

    def letter(self, boundary: str) -> bytes:
        """The whole of it. `boundary` parts the bodies and files."""
        bodies = list(self._bodies())
        parts = [*bodies, *self._files()]
        head = self._head()
        if not head and not parts:
            raise ValueError("no message")
        kind = f'Content-Type: multipart/mixed; boundary="={boundary}"\r\nMIME-Version: 1.0\r\n\r\n'
        inner = b"".join(
            f"--={boundary}\r\n".encode() + part + b"\r\n"
            for part in self._alternatives(boundary, parts, len(bodies))
        )
        return head + kind.encode() + inner + f"--={boundary}--\r\n".encode()

    def _alternatives(self, boundary: str, parts: list[bytes], bodies: int) -> list[bytes]:
        if bodies < 2:
            return parts
        head = f'Content-Type: multipart/alternative; boundary="={boundary}a"\r\n\r\n'.encode()
        inner = b"".join(f"--={boundary}a\r\n".encode() + part + b"\r\n" for part in parts[:bodies])
        return [head + inner + f"--={boundary}a--\r\n".encode(), *parts[bodies:]]

    def _head(self) -> bytes:
        lines = self._transport()
        names = {line.partition(b":")[0].strip().lower() for line in lines}
        head = b"".join(line + b"\r\n" for line in lines)
        return head + b"".join(
            field(name, value)
            for name, value in self._known()
            if value and name.lower().encode() not in names
        )

    def _transport(self) -> list[bytes]:
        """The headers the letter came with, each with its folded lines, without those about the form of the body."""
        lines: list[bytes] = []
        for line in self._text(_HEAD)[:_MAX_HEAD].encode("utf-8", "replace").splitlines():
            if line[:1] in {b" ", b"\t"} and lines:
                lines[-1] += b"\r\n" + line
            elif b":" in line:
                lines.append(line)
        return [line for line in lines if not _OURS.match(line)]

    def _known(self) -> Iterator[tuple[str, str]]:
        address = next((candidate for tag in _ADDRESSES if (candidate := usable(self._text(tag)))), "")
        name = next((candidate for tag in _NAMES if (candidate := self._text(tag))), "")
        yield (
            "From",
            mailbox(Mailbox(name=one_line(name, 120), address=address))
            if address
            else encoded(one_line(name, 120)),
        )
        yield "To", encoded(one_line(self._text(_TO), 400))
        yield "Subject", encoded(one_line(self._text(_SUBJECT), 400))
        yield "Date", self._date()
        for header, tag in (("Message-ID", _ID), ("References", _REFERENCES), ("In-Reply-To", _ANSWERS)):
            yield header, one_line(self._text(tag), 900).encode("ascii", "ignore").decode()

    def _date(self) -> str:
        ticks = next((self._fixed[tag] for tag in _TIMES if self._fixed.get(tag)), 0)
        try:
            return (
                format_datetime((_EPOCH + timedelta(microseconds=ticks // 10)).replace(microsecond=0))
                if ticks
                else ""
            )
        except OverflowError:
            return ""

    def _bodies(self) -> Iterator[bytes]:
        text, page = self._text(_BODY), self._stream(f"{_HTML}0102")
        if text.strip():
            yield _part("text/plain; charset=utf-8", text.encode("utf-8", "replace"))
        if page.strip():
            yield _part(f"text/html; charset={self._charset}" if self._charset else "text/html", page)
        elif page_text := self._text(_HTML):
            yield _part("text/html; charset=utf-8", page_text.encode("utf-8", "replace"))

    def _files(self) -> Iterator[bytes]:
        rooms = sorted(
            {entry[0] for entry in self._container.listdir() if entry[0].startswith("__attach_version1.0_")}
        )
        for number, room in enumerate(rooms[:_MAX_FILES], start=1):
            name = self._text(_LONG_NAME, room) or self._text(_SHORT_NAME, room) or f"part-{number}"
            content = self._stream(f"{_BYTES}0102", room)
            if not content and self._container.exists(f"{room}/__substg1.0_{_INNER}"):
                # A letter within the letter has no bytes of its own: it is a folder of properties.
                name, content = (
                    f"{name}.txt",
                    self._text(_BODY, f"{room}/__substg1.0_{_INNER}").encode("utf-8", "replace"),
                )
            media = self._text(_MEDIA, room).lower() or "application/octet-stream"
            yield file_part(Attachment(name=one_line(name, 150), media=media, content=content))

    def _text(self, tag: str, room: str = "") -> str:
        wide = self._stream(f"{tag}001F", room)
        text = (
            wide.decode("utf-16-le", "replace")
            if wide
            else charsets.decode(self._stream(f"{tag}001E", room), self._charset)
        )
        return text.rstrip("\0")

    def _stream(self, tag: str, room: str = "") -> bytes:
        path = f"{room}/__substg1.0_{tag}" if room else f"__substg1.0_{tag}"
        if not self._container.exists(path):
            return b""
        self._left -= self._container.get_size(path)
        if self._left < 0:
            raise ValueError("more than is there")
        with self._container.openstream(path) as stream:
            content: bytes = stream.read()
            return content

    def _properties(self) -> dict[int, int]:
        """The properties of fixed size: tag and type → value. Their stream begins with 32 bytes of counts."""
        if not self._container.exists(_PROPERTIES):
            return {}
        with self._container.openstream(_PROPERTIES) as stream:
            raw = stream.read(100_000)[32:]
        return {tag: value for tag, _, value in struct.iter_unpack("<IIQ", raw[: len(raw) // 16 * 16])}


def _part(kind: str, content: bytes) -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(content).replace(b"\n", b"\r\n")
