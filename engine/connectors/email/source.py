"""Letters as triggers: each letter of the mailboxes, with the event a run gets or the reason it starts nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from engine.connectors.email import auto_reply_rules
from engine.connectors.email.auto_reply_rules import SkipVerdict, absence
from engine.connectors.email.imap.sync import HEAD_BYTES, Remote
from engine.connectors.email.mailboxes import SENT, LetterLocation, Mailboxes
from engine.connectors.email.message import foreign_files, parse
from engine.connectors.email.message.addresses import folded
from engine.connectors.email.message.authentication import Auth, auth_of
from engine.connectors.email.message.parse import Letter
from engine.connectors.email.sending.outbox import Outbox
from engine.connectors.email.threads import ThreadEntry, ThreadIndex, when
from engine.model.definitions.taint import Label
from engine.model.definitions.triggers import CLAIMED, UNPROVEN
from engine.model.errors import PermanentError, TransientError
from engine.model.ports import Arrival
from engine.model.values.canonical_json import Json, sha256
from engine.model.values.ids import source_id
from engine.model.values.timestamps import stamp

HEAD = "thread:"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSource:
    """Port Source over the mailboxes. `own` are the operator's addresses, `trusted` the receiver whose results count.

    `remote` fetches the letters on a server; None when there is no server.
    """

    mailboxes: Mailboxes
    outbox: Outbox
    threads: ThreadIndex
    index_key: bytes
    own: tuple[str, ...]
    trusted: str = ""
    remote: Remote | None = None

    def poll(self, seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """Every letter whose mark is not `seen`, by mailbox and name. One that can't be read never stops the others."""
        # Letters that name no root need the index of all; for one pass it is made once, when first asked for.
        entries = cache(self.threads.index)
        if self.remote is not None:
            self.remote.refresh()
        for place in self.mailboxes.places():
            # An empty file of the workspace is still being written: it is read once it has content.
            if seen(place.mark) or (not place.size and not place.shown):
                continue
            try:
                arrival = self._arrival(place, entries)
            except TransientError:
                # The copy was damaged and is gone: the letter comes with the next look at the server.
                continue
            yield arrival

    def head(self, name: str) -> str:
        """The version of ``thread:<id>``: a digest of the letters it has now. Empty for other names and empty threads."""
        return self.threads.version(name.removeprefix(HEAD)) if name.startswith(HEAD) else ""

    def _arrival(self, place: LetterLocation, entries: Callable[[], dict[str, ThreadEntry]]) -> Arrival:
        if place.size == 0:
            return self._unread(place, "empty")
        if place.mailbox == SENT:
            return self._sent(place, entries)
        if foreign_files.is_archive(place.name):
            return self._unread(place, "archive")
        try:
            raw = self.mailboxes.load(place, parse.MAX_LETTER)
        except (OSError, PermanentError):
            return self._unread(place, "unreadable")
        if not raw.strip():
            return self._unread(place, "empty")
        return self._read(place, parse.read(raw, place.size), entries)

    def _unread(self, place: LetterLocation, reason: str) -> Arrival:
        return Arrival(
            kind="email",
            source=source_id(self.index_key, "email-place", place.mark),
            event={"mailbox": place.mailbox},
            labels=frozenset({Label.UNTRUSTED}),
            ignored=reason,
            place=place.path,
            mark=place.mark,
            doubt=reason not in {"empty", "own"},
        )

    def _sent(self, place: LetterLocation, entries: Callable[[], dict[str, ThreadEntry]]) -> Arrival:
        """What the operator sent. It starts nothing; written in a program of their own it says which conversation they answered in."""
        own = self._unread(place, "own")
        try:
            letter = parse.read(self.mailboxes.load(place, HEAD_BYTES))
        except (OSError, PermanentError):
            return own
        answers = bool(letter.references or letter.in_reply_to) and not auto_reply_rules.written_here(
            letter, self.outbox.__contains__
        )
        at = stamp(datetime.fromtimestamp(when(place, letter), UTC))
        thread = self.threads.thread_of(letter, entries) if answers else ""
        return replace(own, event={**own.event, "at": at}, replied=thread)

    def _read(
        self, place: LetterLocation, letter: Letter, entries: Callable[[], dict[str, ThreadEntry]]
    ) -> Arrival:
        verdict = auto_reply_rules.judged(letter, own=self.own, sent=self.outbox.__contains__)
        claimed = verdict.caution == CLAIMED
        whole = not verdict.reason or verdict.doubt or verdict.away
        files = tuple(
            (attachment.name, attachment.media, attachment.content) for attachment in letter.attachments
        )
        return Arrival(
            kind="email",
            source=self.threads.source_of(letter),
            event=self._event(place, letter, verdict, entries) if whole else {"mailbox": place.mailbox},
            labels=frozenset({Label.UNTRUSTED}),
            ignored=verdict.reason,
            place=place.path,
            mark=place.mark,
            files=files if not verdict.reason or verdict.doubt else (),
            doubt=verdict.doubt,
            away=_back(place, letter) if verdict.away else None,
            letter="" if verdict.reason else self._identity(letter, verdict),
            # A filled-in form does not answer a letter.
            opens=claimed or not (letter.references or letter.in_reply_to),
            origin=self.mailboxes.origin(place),
            kin=() if verdict.reason or claimed else self.threads.kin(letter, entries),
            proven=not claimed
            and (not place.shown or auth_of(letter.head, letter.author, self.trusted).aligned),
        )

    def _identity(self, letter: Letter, verdict: SkipVerdict) -> str:
        """The same for every version of a letter, whatever it says; what a form claims is not a version of a person's letter."""
        if not letter.message_id or not verdict.author.address:
            return ""
        return source_id(
            self.index_key,
            "letter",
            letter.message_id,
            folded(verdict.author.address),
            *filter(None, [verdict.via]),
        )

    def _event(
        self,
        place: LetterLocation,
        letter: Letter,
        verdict: SkipVerdict,
        entries: Callable[[], dict[str, ThreadEntry]],
    ) -> dict[str, Json]:
        claimed = verdict.caution == CLAIMED
        # Whoever filled a form in proved nothing, and answers nothing.
        auth = Auth() if claimed else auth_of(letter.head, letter.author, self.trusted)
        letter = replace(letter, references=(), in_reply_to=()) if claimed else letter
        return {
            "from": verdict.author.address,
            "name": verdict.author.name,
            "to": letter.to,
            "subject": letter.subject,
            "text": letter.text,
            "thread": self.threads.thread_of(letter, entries),
            "message-id": letter.message_id,
            "at": stamp(datetime.fromtimestamp(when(place, letter), UTC)),
            # Handles are made by the intake, which stores the bytes of `files`, in the same order.
            "attachments": [
                {
                    "name": attachment.name,
                    "media": attachment.media,
                    "size": len(attachment.content),
                    "sha256": sha256(attachment.content),
                    "handle": "",
                }
                for attachment in letter.attachments
            ],
            "auth": {"dmarc": auth.dmarc, "spf": auth.spf, "dkim": auth.dkim, "aligned": auth.aligned},
            "mailbox": place.mailbox,
            "caution": verdict.caution or (UNPROVEN if auth.dmarc == "fail" else ""),
            "via": verdict.via,
        }


def _back(place: LetterLocation, letter: Letter) -> str:
    """When its author is back, as a moment; empty when the letter does not say."""
    day = absence.back(f"{letter.subject}\n{letter.text}", datetime.fromtimestamp(when(place, letter), UTC))
    return stamp(datetime(day.year, day.month, day.day, tzinfo=UTC)) if day else ""
