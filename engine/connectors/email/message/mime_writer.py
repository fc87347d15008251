"""Letters as exact bytes (RFC 5322), written out by hand.

The same draft gives the same bytes under every version of the library: nothing is folded, encoded or numbered by chance.
No value can bring a second header line, because every value is one line before it is written, and the finished head is
read again and compared with what was meant.
"""

import base64
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from engine.connectors.arguments import one_line, plain
from engine.connectors.email.message import bodies, headers, parse
from engine.connectors.email.message.addresses import Mailbox, mailboxes, written
from engine.connectors.email.message.bodies import Attachment
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import sha256
from engine.model.values.timestamps import stamp

_PREFIX = re.compile(r"(?:(?:re|aw|sv|antw|odp|vs)\s*(?:\[\d{1,3}\])?\s*:\s*)+", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_LINE = 76
LEAVES = "when it leaves"
"""The placeholder for the Date of a letter that has not left: a card shows and binds these words, and `dated` puts the moment there."""
_DATE = re.compile(rb"(?m)^Date: [^\r\n]*")
_QUOTE_LINES, _QUOTE_CHARS = 40, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDraft:
    """Everything a letter is made of. `tail` follows the words and is not theirs to edit (link, quoted original)."""

    sender: Mailbox
    to: Mailbox
    subject: str
    words: str
    tail: str
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    automatic: bool
    thread: str
    once: str
    language: str = ""
    attachments: tuple[Attachment, ...] = ()


def answer_to(subject: str) -> str:
    """The subject of an answer: one ``Re:`` however many there were."""
    return one_line(f"Re: {_PREFIX.sub('', one_line(subject, 400), count=1).strip()}", 300).strip()


def date_stamp(date: str) -> str:
    """A letter's Date as a stamp; empty when it can't be read."""
    try:
        sent_at = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError):
        return ""
    return stamp(sent_at.replace(tzinfo=UTC) if sent_at.tzinfo is None else sent_at)


def quoted(text: str, *, author: str, when: str) -> str:
    """The original below an answer, trimmed: its own quotes and anything beyond 40 lines or 2,000 characters are left out."""
    # Steward's own notes on the original are not its author's words either.
    lines = [line for line in plain(text).split("\n") if not line.lstrip().startswith((">", *bodies.NOTES))]
    quoted_lines: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if len(quoted_lines) >= _QUOTE_LINES or size > _QUOTE_CHARS:
            break
        quoted_lines.append(line)
    kept_text = "\n".join(quoted_lines).strip()
    if not kept_text:
        return ""
    ellipsis = ["> […]"] if len(quoted_lines) < len(lines) else []
    return "\n".join(
        [
            f"{one_line(when, 40)}, {one_line(author, 80)}:",
            *(f"> {line}".rstrip() for line in kept_text.split("\n")),
            *ellipsis,
        ]
    )


_CLOSING = re.compile(
    r"(?:(?:with )?(?:kind|best|warm|many)(?:est)? (?:regards|wishes)|regards|(?:yours )?(?:sincerely|faithfully|truly)|cheers|best|thanks?(?: you)?"
    r"|(?:mit )?(?:freundliche[nr]?|beste[nr]?|viele[nr]?|liebe[nr]?|herzliche[nr]?|schöne[nr]?) gr(?:ü|ue)(?:ß|ss)en?|mfg|vg|lg"
    r"|(?:bien )?cordialement|(?:meilleures )?salutations|bien à vous"
    r"|(?:un |cordiales )?saludos?(?: cordial(?:es)?)?|atentamente|(?:cordiali|distinti) saluti|cordialmente"
    r"|met vriendelijke groet(?:en)?|groeten|(?:atenciosamente|(?:melhores )?cumprimentos)|pozdrawiam|z (?:poważaniem|wyrazami szacunku))"
    r"\s*,?",
    re.IGNORECASE,
)
"""The last line of a letter that waits for a name."""


def signed(words: str, name: str) -> str:
    """The words with the writer's name below them, where they end in a closing that waits for one: what already ends in a name is left."""
    last = words.rstrip().rpartition("\n")[2].strip()
    writer = one_line(name, 120)
    return f"{words.rstrip()}\n{writer}" if writer and _CLOSING.fullmatch(last) else words


def write(draft: MessageDraft) -> bytes:
    """The letter. Raises PermanentError(code='not-writable') when a value can't be written in a letter safely."""
    fields = list(_fields(draft))
    head = b"".join(field(name, value) for name, value in fields)
    content = content_of(draft.words, draft.tail)
    if draft.attachments:
        boundary = f"=_{sha256(draft.message_id.encode())[:40]}"
        body = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'.encode()
        body += b"".join(
            _part(boundary, part)
            for part in [_text(content, draft.language), *map(file_part, draft.attachments)]
        )
        body += f"--{boundary}--\r\n".encode()
    else:
        body = _text(content, draft.language)
    parsed = headers.split(headers.even(head))
    if [name for name, _ in parsed.fields] != [name.lower() for name, _ in fields] or not _meant(
        parsed, draft
    ):
        raise PermanentError("a header value can't be written safely", code="not-writable")
    return head + body


def dated(body: bytes, at: datetime) -> bytes:
    """The letter as it leaves at `at`: its Date line is that moment, every other byte is as it was frozen."""
    return _with_date(body, format_datetime(at.replace(microsecond=0)), only=LEAVES)


def undated(body: bytes) -> bytes:
    """The letter as it was frozen, whenever it left: two are the same letter when these bytes are."""
    return _with_date(body, LEAVES)


def _with_date(body: bytes, value: str, *, only: str = "") -> bytes:
    head, end, tail = body.partition(b"\r\n\r\n")
    match = _DATE.search(head)
    if match is None or (only and match[0] != f"Date: {only}".encode()):
        # Frozen by an older version, with the moment it was written at: those bytes were approved.
        return body
    return head[: match.start()] + f"Date: {value}".encode() + head[match.end() :] + end + tail


def content_of(words: str, tail: str) -> str:
    """The text of a letter: the words, and what follows them."""
    text = plain(words).strip("\n").rstrip()
    return f"{text}\n\n{tail}\n" if tail else f"{text}\n"


def _meant(head: headers.Head, draft: MessageDraft) -> bool:
    to = [mailbox.address for mailbox in mailboxes(headers.unfolded(head.raw("to")[0]))]
    sender = [mailbox.address for mailbox in mailboxes(headers.unfolded(head.raw("from")[0]))]
    return (
        to == [draft.to.address]
        and sender == [draft.sender.address]
        and head.ids("message-id") == (draft.message_id,)
        and head.text("subject") == one_line(draft.subject, 400)
    )


def _fields(draft: MessageDraft) -> Iterator[tuple[str, str]]:
    yield "From", mailbox(draft.sender)
    yield "To", mailbox(draft.to)
    yield "Subject", encoded(one_line(draft.subject, 400))
    yield "Date", LEAVES
    yield "Message-ID", draft.message_id
    if draft.in_reply_to:
        yield "In-Reply-To", draft.in_reply_to
    if draft.references:
        yield "References", "\r\n ".join(draft.references)
    if draft.automatic:
        yield "Auto-Submitted", "auto-replied"
    yield "X-Steward-Thread", draft.thread
    if draft.once:
        yield "X-Steward-Once", draft.once
    yield "MIME-Version", "1.0"


def field(name: str, value: str) -> bytes:
    """One line of a head. Raises PermanentError(code='not-writable') on what no header can hold."""
    try:
        # An address outside of ASCII has no other form (RFC 6532); every other value does.
        return f"{name}: {value}\r\n".encode("utf-8" if name in {"From", "To"} else "ascii")
    except UnicodeError as error:
        raise PermanentError(f"{name} holds what no header can", code="not-writable") from error


def mailbox(person: Mailbox) -> str:
    """A name and its address as a header value."""
    name, address = one_line(person.name, 120), written(person.address)
    if not name:
        return address
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        # A name that looks like an encoded word would be read as one.
        return f"{encoded(name)} <{address}>" if "=?" in name else f'"{escaped}" <{address}>'
    return f"{encoded(name)}\r\n <{address}>"


def encoded(text: str) -> str:
    """One line of text as a header value: folded at spaces, in encoded words (RFC 2047) where it isn't plain ASCII."""
    words = text.split(" ")
    if text.isascii() and "=?" not in text and all(len(word) < 70 for word in words):
        lines, line = [], ""
        for word in words:
            longer = f"{line} {word}" if line else word
            # 20 characters of room: the first line begins with the header's name.
            if line and len(longer) > _LINE - 20:
                lines.append(line)
                longer = word
            line = longer
        return "\r\n ".join([*lines, line])
    pieces, piece = [], ""
    for char in text:
        if len((piece + char).encode()) > 40:
            pieces.append(piece)
            piece = ""
        piece += char
    return "\r\n ".join(
        f"=?utf-8?b?{base64.b64encode(chunk.encode()).decode()}?=" for chunk in [*pieces, piece]
    )


def _text(content: str, language: str) -> bytes:
    spoken = f"Content-Language: {language}\r\n" if _LANGUAGE.fullmatch(language) else ""
    short = content.isascii() and all(len(line) <= _LINE for line in content.split("\n"))
    body = content.encode() if short else quopri.encodestring(content.encode())
    kind = "7bit" if short else "quoted-printable"
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {kind}\r\n{spoken}\r\n"
    return head.encode() + body.replace(b"\n", b"\r\n")


def file_part(attachment: Attachment) -> bytes:
    """A file as a part of a letter: its head and its bytes."""
    ascii_ = re.sub(r"[^A-Za-z0-9._ -]", "_", attachment.name) or "file"
    names = f'filename="{ascii_}"'
    if ascii_ != attachment.name:
        names = f"filename*=utf-8''{quote(attachment.name, safe='')}"
    media = (
        attachment.media
        if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", attachment.media)
        else "application/octet-stream"
    )
    if media.startswith(("multipart/", "message/")):
        media = "application/octet-stream"
    head = f"Content-Type: {media}\r\nContent-Disposition: attachment; {names}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(attachment.content).replace(b"\n", b"\r\n")


def _part(boundary: str, content: bytes) -> bytes:
    return b"--" + boundary.encode() + b"\r\n" + content


def rebuild(body: bytes, words: str, new: str, *, message_id: str) -> bytes:
    """One of our letters with other words and another Message-ID; every other header, the tail and the files stay.

    Raises PermanentError(code='wrong-body') when `words` aren't the ones it holds.
    """
    letter = parse.read(body)
    head = letter.head
    expected = content_of(words, "").rstrip("\n")
    actual = f"{letter.text}\n"
    if not actual.startswith(f"{expected}\n"):
        raise PermanentError("the words shown are not the words of this letter", code="wrong-body")
    draft = MessageDraft(
        sender=mailboxes(headers.unfolded(head.raw("from")[0]))[0],
        to=mailboxes(headers.unfolded(head.raw("to")[0]))[0],
        subject=head.text("subject"),
        words=new,
        tail=actual[len(expected) :].strip("\n"),
        message_id=message_id,
        in_reply_to=next(iter(head.ids("in-reply-to")), ""),
        references=head.ids("references"),
        automatic=head.has("auto-submitted"),
        thread=head.text("x-steward-thread"),
        once=head.text("x-steward-once"),
        language=head.text("content-language") or _inner_language(body),
        attachments=letter.attachments,
    )
    return write(draft)


def _inner_language(body: bytes) -> str:
    # With attachments the head of the first part has the language.
    start = body.find(b"\r\nContent-Type: text/plain")
    end = body.find(b"\r\n\r\n", start)
    if start < 0 or end < 0:
        return ""
    return headers.split(headers.even(body[start + 2 : end + 2])).text("content-language")
