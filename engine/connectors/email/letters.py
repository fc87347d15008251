"""From raw bytes to a letter: what it says, who wrote it, what hangs on it. Reading never raises and never fetches.

One author rule: a letter is answered only when it has exactly one From header with exactly one usable address.
Limits keep a hostile letter from costing more than an ordinary one; past them it is `unreadable`.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.connectors.arguments import one_line, plain
from engine.connectors.email import headers, parts
from engine.connectors.email.addresses import mailboxes
from engine.connectors.email.parts import Part
from engine.connectors.email.readable import from_html

MAX_LETTER = 25_000_000
"""Bytes of one letter, attachments included."""
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

_BAD_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff/\\:*?\"<>|]+")


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
    readable = head.readable and data.count(b"\0") * 10 <= len(data)
    found = _parts(data) if readable else None
    text, attachments = found or ("", ())
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
        readable=found is not None,
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
        found = parts.leaves(data)
    except parts.TooMuch:
        return None
    chosen = _chosen(found)
    texts = [
        _text(part)
        for part in found
        if _is_text(part) and chosen.get((part.form or (0,))[0], part.form) == part.form
    ]
    text = plain("\n\n".join(one for one in texts if one.strip())).strip("\n")
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}\n[… {len(text) - MAX_TEXT} more characters are left out here]"
    return text, tuple(
        Attachment(name=_name(part), media=part.media, data=part.data) for part in found if not _is_text(part)
    )


def _chosen(found: list[Part]) -> dict[int, tuple[int, int, str]]:
    """Of each alternative: the plain form where there is one that says something, else the last that does."""
    chosen: dict[int, tuple[int, int, str]] = {}
    for part in found:
        if part.form is None or not _is_text(part) or not part.data.strip():
            continue
        held = chosen.get(part.form[0])
        if held is None or held[2] != "text/plain":
            chosen[part.form[0]] = part.form
    return chosen


def _is_text(part: Part) -> bool:
    attached = part.disposition.startswith("attachment") or (part.name and part.disposition)
    return part.media in {"text/plain", "text/html"} and not attached


def _text(part: Part) -> str:
    # Four bytes make a character at most; what lies beyond the limit is left out anyway.
    text = headers.to_text(part.data[: 4 * MAX_TEXT + 4_000_000], part.charset)
    return from_html(text) if part.media == "text/html" else text


def _name(part: Part) -> str:
    """The name without folders: of `../../.ssh/keys` the last one is left."""
    last = re.split(r"[/\\]", part.name)[-1]
    ending = ".eml" if part.media == "message/rfc822" else ""
    return _BAD_NAME.sub("", one_line(last, 150)).strip(". ") or f"part-{part.number}{ending}"
