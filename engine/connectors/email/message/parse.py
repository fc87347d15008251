"""From raw bytes to a letter: what it says, who wrote it, what hangs on it. Reading never raises and never fetches.

One author rule: a letter is answered only when all its From headers together name exactly one usable address.
Limits keep a hostile letter from costing more than an ordinary one; what exceeds them is left out and the text says so, and a
letter deeper than anybody writes is `unreadable`.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.connectors.arguments import one_line
from engine.connectors.email.message import bodies, headers
from engine.connectors.email.message.addresses import folded, mailboxes
from engine.connectors.email.message.bodies import Attachment

MAX_LETTER = 25_000_000
"""Bytes of one letter, attachments included; the remainder is not read, and the text says so."""

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


def read(raw: bytes, size: int = 0) -> Letter:
    """The letter in `raw` (at most `MAX_LETTER` bytes; the caller sees to that). `size` is that of its file, of which `raw` may be the beginning."""
    normalised = headers.even(raw)
    head = headers.split(normalised)
    readable = head.readable and normalised.count(b"\0") * 10 <= len(normalised)
    missing = max(0, size - len(raw)) if len(raw) == MAX_LETTER else 0
    content = bodies.read(normalised, missing=missing) if readable else None
    froms = [mailbox for value in head.lines("from") for mailbox in mailboxes(value)]
    authors = {folded(mailbox.address): mailbox for mailbox in reversed(froms)}
    return Letter(
        head=head,
        authors=tuple(mailbox.address for mailbox in reversed(authors.values())),
        name=next(iter(authors.values())).name if len(authors) == 1 else "",
        to=one_line(", ".join(head.texts("to")), 1000),
        subject=one_line(head.text("subject"), 500),
        text=content.text if content else "",
        message_id=next(iter(head.ids("message-id")), ""),
        references=head.ids("references"),
        in_reply_to=head.ids("in-reply-to"),
        reply_to=tuple(mailbox.address for value in head.lines("reply-to") for mailbox in mailboxes(value)),
        received=_received(head),
        attachments=content.attachments if content else (),
        digest=_digest(head, normalised),
        readable=content is not None,
    )


def author_of(head: headers.Head) -> str:
    """The one author's address a head names; empty when it names none or more than one."""
    authors = {
        mailbox.address for value in head.raw("from") for mailbox in mailboxes(headers.unfolded(value))
    }
    return authors.pop() if len(authors) == 1 else ""


def _digest(head: headers.Head, normalised: bytes) -> str:
    """SHA-256 of what the author sent: every header but those of the way, and the body, with even line ends."""
    digest = hashlib.sha256()
    for name, value in head.fields:
        if name not in TRANSPORT and not name.startswith(TRANSPORT_PREFIXES):
            digest.update(b"%s:%s\n" % (name.encode(), b" ".join(value.split())))
    digest.update(b"\n")
    digest.update(normalised[head.body :].rstrip(b"\n"))
    return digest.hexdigest()


def _received(head: headers.Head) -> datetime | None:
    """When the last server on the way took it; None without a believable Received header."""
    values = head.raw("received")
    if not values:
        return None
    try:
        received = parsedate_to_datetime(headers.unfolded(values[0]).rpartition(";")[2].strip())
        received = received.replace(tzinfo=UTC) if received.tzinfo is None else received.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return received if 1990 <= received.year < 2100 else None
