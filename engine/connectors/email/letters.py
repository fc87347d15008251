"""From raw bytes to a letter: what it says, who wrote it, what hangs on it. Reading never raises and never fetches.

One author rule: a letter is answered only when it has exactly one From header with exactly one usable address.
Limits keep a hostile letter from costing more than an ordinary one; past them it is `unreadable`.
"""

import email
import email.message
import email.policy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.connectors.arguments import one_line, plain
from engine.connectors.email import headers
from engine.connectors.email.addresses import mailboxes
from engine.connectors.email.readable import from_html

MAX_LETTER = 25_000_000
"""Bytes of one letter, attachments included."""
MAX_DEPTH = 20
MAX_PARTS = 200
MAX_TEXT = 200_000
"""Characters of readable text; the rest is left out, and the text says so."""

# What the way adds to a letter: the same letter, delivered twice, differs in these alone.
TRANSPORT = frozenset(
    "received return-path delivered-to envelope-to x-original-to x-envelope-to x-envelope-from authentication-results"
    " dkim-signature domainkey-signature dkim-filter received-spf x-received x-google-smtp-source x-gm-message-state"
    " x-google-dkim-signature x-original-authentication-results x-delivered-to x-resolved-to x-uidl x-uid x-status status"
    " x-mozilla-status x-mozilla-status2 x-mozilla-keys x-keywords x-getmail-retrieved-from-mailbox x-fetched-by"
    " lines content-length".split()
)
TRANSPORT_PREFIXES = (
    "arc-",
    "x-spam-",
    "x-virus-",
    "x-ms-exchange-",
    "x-microsoft-",
    "x-forefront-",
    "x-rspamd-",
    "x-proofpoint-",
)

_NESTING = re.compile(rb"content-type\s*:\s*(?:multipart|message)/", re.IGNORECASE)
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff/\\:*?\"<>|]+")
_MEDIA = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a letter. `name` has no folders and no invisible characters."""

    name: str
    media: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a letter says. `authors` are all addresses its From headers name, usable or not (then empty)."""

    head: headers.Head
    authors: tuple[str, ...]
    name: str
    to: str
    subject: str
    text: str
    message_id: str
    references: tuple[str, ...]
    in_reply_to: tuple[str, ...]
    reply_to: tuple[str, ...]
    received: datetime | None
    attachments: tuple[Attachment, ...]
    digest: str
    readable: bool

    @property
    def author(self) -> str:
        """The one author's address; empty when there is none or more than one."""
        return self.authors[0] if len(self.authors) == 1 else ""


def read(raw: bytes) -> Letter:
    """The letter in `raw` (at most `MAX_LETTER` bytes; the caller sees to that)."""
    data = headers.even(raw)
    head = headers.split(data)
    readable = (
        head.readable and data.count(b"\0") * 10 <= len(data) and len(_NESTING.findall(data)) <= MAX_PARTS
    )
    parts = _parts(data) if readable else None
    text, attachments = parts or ("", ())
    froms = [one for value in head.raw("from") for one in mailboxes(headers.unfolded(value))]
    return Letter(
        head=head,
        authors=tuple(dict.fromkeys(one.address for one in froms)),
        name=froms[0].name if len(froms) == 1 else "",
        to=one_line(", ".join(headers.decoded(value) for value in head.raw("to")), 1000),
        subject=one_line(head.text("subject"), 500),
        text=text,
        message_id=next(iter(head.ids("message-id")), ""),
        references=head.ids("references"),
        in_reply_to=head.ids("in-reply-to"),
        reply_to=tuple(
            one.address for value in head.raw("reply-to") for one in mailboxes(headers.unfolded(value))
        ),
        received=_received(head),
        attachments=attachments,
        digest=_digest(head, data),
        readable=parts is not None,
    )


def _digest(head: headers.Head, data: bytes) -> str:
    """SHA-256 of what the author sent: every header but those of the way, and the body, with even line ends."""
    found = hashlib.sha256()
    for name, value in head.fields:
        if name not in TRANSPORT and not name.startswith(TRANSPORT_PREFIXES):
            found.update(b"%s:%s\n" % (name.encode(), b" ".join(value.split())))
    found.update(b"\n")
    found.update(data[head.body :].rstrip(b"\n"))
    return found.hexdigest()


def _received(head: headers.Head) -> datetime | None:
    """When the last server on the way took it; None when nobody says so believably."""
    values = head.raw("received")
    if not values:
        return None
    try:
        found = parsedate_to_datetime(headers.unfolded(values[0]).rpartition(";")[2].strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if 1990 <= found.year < 2100 else None


def _parts(data: bytes) -> tuple[str, tuple[Attachment, ...]] | None:
    """(readable text, attachments); None past a limit."""
    try:
        # compat32: this policy takes broken structure as it comes; the default one raises on it.
        message = email.message_from_bytes(data, policy=email.policy.compat32)
        found = list(_walk(message, 0))
        texts = [part for part in found if isinstance(part, str)]
        attachments = [part for part in found if isinstance(part, Attachment)]
    except (_TooMuch, RecursionError):
        return None
    text = plain("\n\n".join(one for one in texts if one.strip())).strip("\n")
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}\n[… {len(text) - MAX_TEXT} more characters are left out here]"
    return text, tuple(attachments)


class _TooMuch(Exception):
    """Deeper or more parts than anybody writes."""


def _walk(
    part: email.message.Message, depth: int, count: list[int] | None = None
) -> Iterator[str | Attachment]:
    count = count if count is not None else [0]
    count[0] += 1
    if depth > MAX_DEPTH or count[0] > MAX_PARTS:
        raise _TooMuch
    media = _media(part)
    if media.startswith("multipart/") and not part.is_multipart():
        # A boundary that never comes: what is there is shown as it is.
        media = "text/plain"
    if media == "message/rfc822":
        yield _inner_letter(part, count[0])
    elif part.is_multipart():
        children = [one for one in part.get_payload() if isinstance(one, email.message.Message)]
        if media == "multipart/alternative":
            yield from _alternative(children, depth, count)
            return
        for child in children:
            yield from _walk(child, depth + 1, count)
    else:
        yield _leaf(part, media, count[0])


def _alternative(
    children: list[email.message.Message], depth: int, count: list[int]
) -> Iterator[str | Attachment]:
    """The plain form where there is one that says something, else the richest readable form; attachments of all."""
    forms = [(_media(child), list(_walk(child, depth + 1, count))) for child in children]
    spoken = [
        (media, form) for media, form in forms if any(isinstance(one, str) and one.strip() for one in form)
    ]
    chosen = next((form for media, form in spoken if media == "text/plain"), spoken[-1][1] if spoken else [])
    for _, form in forms:
        yield from (one for one in form if isinstance(one, Attachment) or form is chosen)


def _leaf(part: email.message.Message, media: str, number: int) -> str | Attachment:
    data = _decoded(part)
    name = _name(part)
    disposition = str(part.get("content-disposition") or "").strip().lower()
    if (
        media not in {"text/plain", "text/html"}
        or disposition.startswith("attachment")
        or (name and disposition)
    ):
        if media in {"text/plain", "text/html"} and not name and not disposition:
            return ""
        return Attachment(name=name or f"part-{number}", media=media, data=data)
    text = headers.to_text(data, _charset(part))
    return from_html(text) if media == "text/html" else text


def _inner_letter(part: email.message.Message, number: int) -> Attachment:
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    try:
        data = first.as_bytes() if isinstance(first, email.message.Message) else _decoded(part)
    except (ValueError, LookupError, TypeError, AttributeError, KeyError):
        data = b""
    return Attachment(name=_name(part) or f"letter-{number}.eml", media="message/rfc822", data=data)


def _decoded(part: email.message.Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AssertionError, IndexError):
        data = None
    if isinstance(data, bytes):
        return data
    payload = part.get_payload()
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _media(part: email.message.Message) -> str:
    try:
        found = part.get_content_type()
    except (ValueError, LookupError, TypeError, AttributeError):
        return "text/plain"
    # `text/plain charset=utf-8`, without its semicolon, still means text.
    found = found.split()[0] if found.split() else ""
    return found if _MEDIA.fullmatch(found) else "text/plain"


def _charset(part: email.message.Message) -> str:
    try:
        found = part.get_content_charset()
    except (ValueError, LookupError, TypeError, AttributeError):
        found = None
    return found or "utf-8"


def _name(part: email.message.Message) -> str:
    try:
        written = part.get_filename()
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        written = None
    if not written:
        return ""
    text = headers.words(written.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    # Folders are somebody else's business; of `../../.ssh/keys` the last name is left.
    last = re.split(r"[/\\]", text)[-1]
    return _BAD_NAME.sub("", one_line(last, 150)).strip(". ") or "file"
