"""The outbox folder: what left, or is meant to leave by hand, as `.eml` files anybody can open.

`outbox/` holds letters written there (the default), `outbox/sent/` copies of what an SMTP server took, and
`outbox/sending/` the letters whose sending began and has no known end. A file is named after its Message-ID, so the same
letter can't be put there twice. What left is remembered in a table beside them (:mod:`engine.connectors.email.sending.outbox_index`), so that neither a file that somebody took
away nor the number of old ones matters.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from engine.connectors import safe_paths
from engine.connectors.email.message import headers
from engine.connectors.email.message.addresses import mailboxes
from engine.connectors.email.message.mime_writer import date_stamp
from engine.connectors.email.sending.outbox_index import Claims, ClaimWindow, Sent
from engine.model.effects import Outcome
from engine.model.errors import EngineError, PermanentError, UnknownOutcome
from engine.model.values.paths import OUTBOX

FOLDER = OUTBOX
SENT, SENDING = "sent", "sending"
_HEAD = 65_536
_MAX = 40_000_000
_DAY = re.compile(rb"(?im)^(?:date|x-steward-once):[^\r\n]*\r\n")
_COMPARED = 20
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def name_of(message_id: str) -> str:
    """The file name for a Message-ID."""
    return f"{_UNSAFE.sub('_', message_id.strip('<>').rpartition('@')[0])[:100]}.eml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentKnowledge:
    """What the ledger knows: Message-IDs of letters that left, the newest first, None before it was read; and the time, as a stamp."""

    left: Callable[[], Iterator[str] | None] = lambda: iter(())
    now: Callable[[], str] = lambda: ""


@contextmanager
def _writing(root: str, sub: str) -> Iterator[int]:
    """One of the outbox's folders, made where it is missing. Raises TransientError when the disk refuses."""
    with safe_paths.disk_errors("the outbox"), safe_paths.folder(root, _parts(sub), create=True) as here:
        yield here


class Outbox:
    """Letters below `root`/outbox. Safe to use from several threads.

    By what is `known` a folder that was taken away is told, and an older one that was put back.
    """

    def __init__(self, root: str, known: SentKnowledge | None = None) -> None:
        self._root = root
        self._lock = threading.RLock()
        self._claims = Claims(Path(root) / FOLDER)
        self._known = known or SentKnowledge()
        self._reach: ClaimWindow | None = None

    @property
    def lost(self) -> str:
        """When it was noticed that letters which had left are not remembered here, as a stamp; empty for never."""
        with self._lock:
            self._there()
            return self._reach.lost if self._reach else self._known.now()

    def silent(self, message_id: str, at: str) -> bool:
        """Whether a letter that was meant to leave at `at` (empty: never), and of which there is no file here, may have begun to."""
        with self._lock:
            if not self._there() or self._reach is None:
                return bool(at)
            return bool(at) and (at < self._reach.since or self._claims.find(message_id) is not None)

    def find(self, message_id: str) -> Sent | None:
        """A letter that left or may have left; None for any other. One look-up, however many there are."""
        if not message_id:
            return None
        with self._lock:
            if not self._there():
                return None
            if (letter := self._claims.find(message_id)) is not None:
                return letter
        for sub in ("", SENDING, SENT):
            if (body := self.holds(message_id, sub)) is not None:
                return _ours(body, message_id)
        return None

    def kin(self, address: str, subject: str) -> list[Sent]:
        """Our letters to a person under a bare subject."""
        with self._lock:
            return self._claims.kin(address, subject) if self._there() else []

    def __contains__(self, message_id: str) -> bool:
        return self.find(message_id) is not None

    def _there(self) -> bool:
        """Whether there is anything to look into. A missing table is made once, from the heads of the letters there."""
        try:
            with safe_paths.folder(self._root, (FOLDER,)):
                pass
        except FileNotFoundError:
            return False
        if self._claims.moved():
            self._reach = None
        if not self._claims.whole:
            self._claims.add(
                [letter for sub in ("", SENDING, SENT) for letter in self._read(sub)], whole=True
            )
        if self._reach is None:
            self._reach = self._compared()
        return True

    def _compared(self) -> ClaimWindow | None:
        """How far back what is remembered here goes: since the table was made, or since it was seen to lack letters that had left."""
        known = self._known.left()
        if known is None:
            return None
        ids, reach = list(islice(known, _COMPARED)), self._claims.reach
        behind = any(self._claims.find(id_) is None for id_ in ids)
        if reach is not None and not behind:
            return reach
        now = self._known.now()
        if behind:
            # Remembered by name from now on, so that another loss is noticed too.
            names = [*ids, *known]
            self._claims.add(
                Sent(message_id=id_, thread="", once="", to="", at="")
                for id_ in names
                if self._claims.find(id_) is None
            )
        reach = ClaimWindow(since=now, lost=now if behind else "")
        self._claims.reaches(reach)
        return reach

    def _read(self, sub: str) -> list[Sent]:
        try:
            with safe_paths.folder(self._root, _parts(sub)) as here:
                names = [
                    name for name in sorted(os.listdir(here)) if name.endswith(".eml") and name[0] != "."
                ]
                return [letter for name in names if (letter := _read(here, name)) is not None]
        except FileNotFoundError:
            return []

    def holds(self, message_id: str, sub: str = "") -> bytes | None:
        """The bytes of a letter in one of the folders; None when it isn't there."""
        try:
            with safe_paths.folder(self._root, _parts(sub)) as here:
                return safe_paths.read_if_there(here, name_of(message_id), _MAX)
        except FileNotFoundError:
            return None

    def put(self, message_id: str, body: bytes, sub: str = "") -> None:
        """Write a letter, whole and durable. Raises TransientError when the disk refuses."""
        with _writing(self._root, sub) as here:
            name = name_of(message_id)
            safe_paths.write(here, name, body, token=name.removesuffix(".eml"))

    def remember(self, letter: Sent, body: bytes) -> None:
        """Remember a letter that left, of which nothing was here."""
        with self._lock:
            self._there()
            self.put(letter.message_id, body, SENT)
            self._claims.add([letter])

    def finish(self, message_id: str) -> None:
        """A letter under way was taken by the server: keep it as sent."""
        with safe_paths.disk_errors("the outbox"), safe_paths.folder(self._root, _parts(SENDING)) as here:
            with safe_paths.folder(self._root, _parts(SENT), create=True) as there:
                os.rename(name_of(message_id), name_of(message_id), src_dir_fd=here, dst_dir_fd=there)
                os.fsync(there)
            os.fsync(here)

    def drop(self, message_id: str) -> None:
        """A letter under way certainly did not leave."""
        with _writing(self._root, SENDING) as here:
            safe_paths.remove(here, name_of(message_id))
        with self._lock:
            self._claims.drop(message_id)

    def earlier_copy(self, letter: Sent, body: bytes, sub: str = "") -> Sent | None:
        """What is known of the same letter when it left before, perhaps with another date: so it is after an older state was restored.

        Raises PermanentError when other words left under its Message-ID.
        """
        earlier = self.holds(letter.message_id, sub)
        if earlier is None:
            return None
        if _undated(earlier) != _undated(body):
            place = "/".join((*_parts(sub), name_of(letter.message_id)))
            raise PermanentError(
                f"other words left under this letter's name before: {place}",
                code="key-reused",
                now_true="this letter was not sent",
                way_out="read what left; `steward retry` writes a new letter",
            )
        known = summary(earlier)
        with self._lock:
            if self._there() and self._claims.find(known.message_id) is None:
                self._claims.add([known])
        return known

    def claimed(self, once: str, message_id: str, *, to: str = "") -> Sent | None:
        """Another letter that already left under the same claim, to the same person (`to`)."""
        with self._lock:
            letter = self._claims.claimed(once, message_id) if self._there() and once else None
        return None if letter is None else replace(letter, to=to)

    def begin(self, letter: Sent, body: bytes) -> Sent | None:
        """Note durably that a letter is about to leave. Returns the earlier letter that makes this one superfluous.

        Raises UnknownOutcome when the same letter began to leave before.
        """
        with self._lock:
            if self.holds(letter.message_id, SENDING) is not None:
                raise UnknownOutcome(f"the letter to {letter.to} began to leave before", code="smtp-lost")
            earlier = self.claimed(letter.once, letter.message_id, to=letter.to)
            if earlier is None:
                self._claim(letter, body, SENDING)
            return earlier

    def deliver(self, body: bytes) -> Outcome:
        """Put a letter into the outbox, once. A second one under the same claim stays unsent."""
        letter = summary(body)
        with self._lock:
            if (previous := self.earlier_copy(letter, body)) is not None:
                return outcome(previous, sent=True, repeated=True)
            earlier = self.claimed(letter.once, letter.message_id, to=letter.to)
            if earlier is not None:
                return outcome(earlier, sent=False, repeated=True)
            self._claim(letter, body)
            return outcome(letter, sent=True)

    def _claim(self, letter: Sent, body: bytes, sub: str = "") -> None:
        """The claim first: a crash in between leaves one whose own letter still leaves, and keeps a second one back."""
        with _writing(self._root, sub):
            pass
        self._there()
        self._claims.add([letter])
        try:
            self.put(letter.message_id, body, sub)
        except EngineError:
            self._claims.drop(letter.message_id)
            raise


def outcome(letter: Sent, *, sent: bool, repeated: bool = False) -> Outcome:
    """What a step gets to read about a letter that left (or had left before)."""
    outputs = {
        "message-id": letter.message_id,
        "to": letter.to,
        "thread": letter.thread,
        "sent": sent,
        "at": letter.at,
    }
    # Named by what left: a letter that stayed has no name in the world, and is not missed in the outbox.
    return Outcome(
        outputs=outputs, provider_id=letter.message_id if sent or repeated else "", repeated=repeated
    )


def summary(body: bytes) -> Sent:
    """What the outbox knows of one of our letters, from its head. Raises PermanentError when it is none of ours."""
    head = headers.split(headers.even(body[:_HEAD]))
    ids = head.ids("message-id")
    to = mailboxes(next(iter(head.lines("to")), ""))
    thread = head.text("x-steward-thread")
    if len(ids) != 1 or len(to) != 1 or not to[0].address or not thread:
        raise PermanentError("these bytes are no letter of ours", code="wrong-body")
    return Sent(
        message_id=ids[0],
        thread=thread,
        once=head.text("x-steward-once"),
        to=to[0].address,
        at=date_stamp(head.text("date")),
        subject=head.text("subject"),
    )


def _undated(body: bytes) -> bytes:
    """A letter without what its head says of the day."""
    head, parted, tail = body.partition(b"\r\n\r\n")
    return _DAY.sub(b"", head + b"\r\n") + parted + tail


def _ours(body: bytes, message_id: str) -> Sent | None:
    try:
        letter = summary(body)
    except PermanentError:
        return None
    return letter if letter.message_id == message_id else None


def _parts(sub: str) -> tuple[str, ...]:
    return (FOLDER, sub) if sub else (FOLDER,)


def _read(here: int, name: str) -> Sent | None:
    try:
        return summary(safe_paths.read(here, name, _HEAD))
    except (OSError, PermanentError):
        # Somebody's own file in the outbox: not ours to judge.
        return None
