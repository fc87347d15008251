"""The signs by which a letter shows that no person wrote it to this one (RFC 3834, 5230, 5436, 8098, and what programs really send)."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from engine.connectors.email.auto_reply_rules import tables
from engine.connectors.email.message.addresses import domain_of, folded, mailboxes, same
from engine.connectors.email.message.parse import Letter

_SEPARATORS = re.compile(r"[._+\-=]+")
_COMMENT = re.compile(r"\([^()]*\)")
_METHOD = re.compile(rb"^METHOD[ \t]*:[ \t]*([A-Z]{1,20})", re.MULTILINE | re.IGNORECASE)
_ANSWERS = re.compile(r"(?:re|aw|antw|sv|rv|ref|res|rif|odp|ré|rép|vs)\s*(?:\[\d+\])?\s*:\s*", re.IGNORECASE)
_REPORTS = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "message/disposition-notification", "message/feedback-report"}
)  # fmt: skip
_LIST = (
    "list-id", "list-post", "list-help", "list-subscribe", "list-owner", "list-archive", "mailing-list", "x-mailing-list",
)  # fmt: skip
_MAILTO = re.compile(r"mailto:([^>?\s]{3,320})", re.IGNORECASE)
_NAMED = re.compile(r"list\s+([^;\s]{3,320})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One thing that speaks for a machine. `reason` is of IGNORED_REASONS; a person's letter may have one that is not `certain`, too."""

    reason: str
    certain: bool = True


def signs(letter: Letter, *, own: tuple[str, ...]) -> Iterator[Sign]:
    """Every sign of a machine, the weightiest kind first."""
    yield from _answered_by_itself(letter)
    yield from _reports(letter)
    yield from _calendar(letter)
    yield from _list(letter, own)
    yield from _bulk(letter)
    yield from _addresses(letter)


def _answered_by_itself(letter: Letter) -> Iterator[Sign]:
    head, sure = letter.head, Sign(reason="auto-submitted")
    words = [_bare(head_value) for head_value in _values(letter, "auto-submitted")]
    if any(word and word != "no" for word in words):
        yield sure
    if any(
        _SEPARATORS.sub("", word) == "autoreply"
        for name in ("precedence", "x-precedence", "preference")
        for word in map(_bare, _values(letter, name))
    ):
        yield sure
    if any(
        _bare(value) not in {"", "no", "none", "false"}
        for name in tables.AUTOMATIC
        for value in _values(letter, name)
    ):
        yield sure
    if head.has("x-ms-exchange-generated-message-source"):
        yield sure
    if any(
        "autoresponder" in head.text(name).lower()
        for name in ("x-post-messageclass", "x-mailer", "user-agent")
    ):
        yield sure
    if any(value.strip().lower() == "autoresponder" for value in _values(letter, "delivered-to")):
        yield sure
    suppressed = any(
        _bare(value) not in {"", "none"} for value in _values(letter, "x-auto-response-suppress")
    )
    if away(letter):
        yield Sign(reason="auto-submitted", certain=suppressed)
    elif suppressed or _begins(letter.subject, tables.RECEIVED) or any(map(head.has, tables.TICKETS)):
        yield Sign(reason="auto-submitted", certain=False)


def away(letter: Letter) -> bool:
    """Whether it says that its author is out of office: its subject does, or a program does that answered by itself."""
    if _begins(letter.subject, tables.AWAY) or letter.head.has("x-vacation"):
        return True
    subject = letter.subject.casefold()
    if any(words in subject for words in map(str.casefold, tables.AWAY_SAID_OF)) and not _ANSWERS.match(
        subject
    ):
        return True
    auto_submitted = [value.lower() for value in _values(letter, "auto-submitted")]
    if not replied_by_itself(letter):
        return False
    start = letter.text[:1500].casefold()
    return any("vacation" in value for value in auto_submitted) or any(
        words in start for words in map(str.casefold, tables.ABSENT)
    )


def replied_by_itself(letter: Letter) -> bool:
    """Whether a program says that it answered a letter."""
    return any(_bare(value) == "auto-replied" for value in _values(letter, "auto-submitted"))


def _begins(subject: str, beginnings: tuple[str, ...]) -> bool:
    """Whether a subject begins with one of these words, whole."""
    text = subject.strip().lstrip("[(*\"'").casefold()
    return any(
        text.startswith(words) and not text[len(words) : len(words) + 1].isalnum()
        for words in map(str.casefold, beginnings)
    )


def _reports(letter: Letter) -> Iterator[Sign]:
    head, sure = letter.head, Sign(reason="bounce")
    paths = head.raw("return-path")
    if paths and b"".join(paths[0].split()) == b"<>":
        yield sure
    if head.text("content-type").lower().startswith("multipart/report") or head.has("x-failed-recipients"):
        yield sure
    if any(map(is_daemon, letter.authors)):
        yield sure
    bounce_subject = _begins(letter.subject, tables.BOUNCES)
    reported = any(attached.media in _REPORTS for attached in letter.attachments)
    if bounce_subject and reported:
        yield sure
    elif bounce_subject or reported or any(_local(author) == "postmaster" for author in letter.authors):
        yield Sign(reason="bounce", certain=False)


def _calendar(letter: Letter) -> Iterator[Sign]:
    if method(letter) in {"REPLY", "REFRESH"}:
        yield Sign(reason="calendar")


def method(letter: Letter) -> str:
    """What a calendar asks or answers with this letter (RFC 5546), in capitals; empty without a calendar."""
    for attached in letter.attachments:
        if attached.media == "text/calendar" and (match := _METHOD.search(attached.content[:20_000])):
            return match[1].decode().upper()
    return ""


def _list(letter: Letter, own: tuple[str, ...]) -> Iterator[Sign]:
    if any(letter.head.has(name) for name in _LIST):
        if not own_group(letter, own):
            yield Sign(reason="list")
    elif letter.head.has("list-unsubscribe"):
        yield Sign(reason="list", certain=False)


def groups(letter: Letter) -> tuple[str, ...]:
    """The addresses of the list or group that handed a letter on."""
    addresses = [
        *(address for value in _values(letter, "list-post") for address in _MAILTO.findall(value)),
        *(address for value in _values(letter, "mailing-list") for address in _NAMED.findall(value)),
        *_values(letter, "x-mailing-list"),
    ]
    for value in _values(letter, "list-id"):
        inside = value.rpartition("<")[2].partition(">")[0].strip()
        name, dot, domain = inside.partition(".")
        addresses += [f"{name}@{domain}"] if dot and "@" not in inside else [inside]
    return tuple(dict.fromkeys(filter(None, (folded(address.strip("<> ")) for address in addresses))))


def own_group(letter: Letter, own: tuple[str, ...]) -> str:
    """The group of the operator's own through which a letter came (``info@`` as a shared mailbox); empty for anybody else's list.

    It is one's own when it lies in a domain of one's own and nobody can subscribe, or is named like a mailbox that a business shares and is
    not the author's. What only names a List-Id could be any newsletter.
    """
    names = groups(letter)
    authors = {domain_of(author) for author in letter.authors}
    if not (letter.head.has("list-post") or letter.head.has("mailing-list")):
        return next((name for name in names if any(same(name, address) for address in own)), "")
    # To a discussion anybody may subscribe, also where it lies in a domain that one shares with many.
    closed = not letter.head.has("list-subscribe")
    for name in names:
        shared = _local(name) in tables.ROLES
        ours = closed and any(domain_of(name) == domain_of(address) for address in own)
        replaced = _took_the_place(letter, name)
        if ours or (shared and (domain_of(name) not in authors or replaced)):
            return name
    return ""


def _took_the_place(letter: Letter, group: str) -> bool:
    """Whether From names a group in place of an author whose domain would not let it forward his letter (DMARC)."""
    hints = any(map(letter.head.has, ("x-original-from", "x-original-sender"))) or " via " in letter.name
    return hints and letter.authors == (letter.author,) and same(letter.author, group)


def _bulk(letter: Letter) -> Iterator[Sign]:
    words = set(map(_bare, _values(letter, "precedence")))
    # What hands a letter on to a group says so; whose group that is was asked before.
    if "junk" in words or (words & {"bulk", "list"} and not letter.head.has("list-post")):
        yield Sign(reason="bulk")
    if any(map(letter.head.has, tables.CAMPAIGNS)):
        yield Sign(reason="bulk", certain=any(map(letter.head.has, (*tables.RELAYS, "list-unsubscribe"))))
    elif any(map(letter.head.has, tables.RELAYS)):
        yield Sign(reason="bulk", certain=letter.head.has("list-unsubscribe") and not answers(letter))


def _addresses(letter: Letter) -> Iterator[Sign]:
    for author in letter.authors:
        if takes_no_answer(author):
            yield Sign(reason="no-reply")
        elif _squashed(author) in tables.MACHINES | tables.MARKETS:
            yield Sign(reason="no-reply", certain=False)


def takes_no_answer(address: str) -> bool:
    """Whether an address by its name is not read."""
    tokens = [token.rstrip("0123456789") or token for token in _SEPARATORS.split(_local(address)) if token]
    return any(
        "".join(tokens[at:end]) in tables.NO_ANSWER
        for at in range(len(tokens))
        for end in range(at + 1, min(at + 7, len(tokens)) + 1)
    )


def is_daemon(address: str) -> bool:
    """Whether an address is that of a mail server itself."""
    local = _local(address)
    return local in tables.DAEMONS or local.startswith("mailer-daemon")


def is_machine(address: str) -> bool:
    """Whether an address is one under which programs write."""
    return _squashed(address) in tables.MACHINES


def is_form(address: str) -> bool:
    """Whether an address is one under which the programs of web forms write."""
    tokens = [token for token in _SEPARATORS.split(_local(address)) if token]
    return "".join(tokens) in tables.FORMS or any(token in tables.FORMS for token in tokens)


def answers(letter: Letter) -> bool:
    """Whether it says of itself that it answers another letter."""
    return bool(letter.in_reply_to or letter.references or _ANSWERS.match(letter.subject))


def written_to(letter: Letter, own: tuple[str, ...]) -> bool:
    """Whether To or Cc has an address of the operator's."""
    return any(same(address, mine) for address in _recipients(letter) for mine in own)


def posted_to(letter: Letter) -> bool:
    """Whether the list that handed it on is one of those it was written to: a discussion, and no copy of an announcement."""
    names = groups(letter)
    return any(same(address, name) for address in _recipients(letter) for name in names)


def _recipients(letter: Letter) -> list[str]:
    values = (value for name in ("to", "cc") for value in letter.head.lines(name))
    return [mailbox.address for value in values for mailbox in mailboxes(value)]


def _values(letter: Letter, name: str) -> list[str]:
    return list(letter.head.texts(name))


def _bare(value: str) -> str:
    """The first word of a header's value, without comments and parameters, in small letters."""
    return _COMMENT.sub(" ", value).partition(";")[0].strip().lower()


def _squashed(address: str) -> str:
    return _SEPARATORS.sub("", _local(address)).rstrip("0123456789")


def _local(address: str) -> str:
    """The part before the @ in small letters, without accents."""
    local = unicodedata.normalize("NFKD", address.rpartition("@")[0].casefold())
    return "".join(char for char in local if not unicodedata.combining(char))
