"""The outbox folder: what left, or is meant to leave by hand, as `.eml` files anybody can open.

`outbox/` holds letters written there (the default), `outbox/sent/` copies of what an SMTP server took, and
`outbox/sending/` the letters whose sending began and has no known end. A file is named after its Message-ID, so the same
letter can't be put there twice. The folder is its own index: nothing else remembers what was sent.
"""

import os
import re
import threading
from dataclasses import dataclass

from engine.connectors import places
from engine.connectors.email import headers
from engine.connectors.email.addresses import mailboxes
from engine.connectors.email.compose import date_stamp
from engine.model.effects import Outcome
from engine.model.errors import PermanentError, UnknownOutcome

FOLDER = "outbox"
SENT, SENDING = "sent", "sending"
_HEAD = 65_536
_MOST = 40_000_000
_DAY = re.compile(rb"(?im)^(?:date|x-steward-once):[^\r\n]*\r\n")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the head of one of our letters says. `once` is the claim that keeps a second one of its kind from leaving."""

    message_id: str
    thread: str
    once: str
    to: str
    at: str
    subject: str = ""


def name_of(message_id: str) -> str:
    """The file name for a Message-ID."""
    return f"{_UNSAFE.sub('_', message_id.strip('<>').rpartition('@')[0])[:100]}.eml"


class Outbox:
    """Letters below `root`/outbox. Safe to use from several threads."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._lock = threading.RLock()
        self._known: dict[tuple[str, str, int, int], Sent] = {}
        self._index: dict[str, Sent] = {}
        self._looked: tuple[int, ...] = ()

    def sent(self) -> dict[str, Sent]:
        """Every letter that left or may have left, by Message-ID."""
        with self._lock:
            now = self._times()
            if now != self._looked:
                known: dict[tuple[str, str, int, int], Sent] = {}
                # Letters move from sending to sent: one that does so meanwhile is met at least once.
                for sub in ("", SENDING, SENT):
                    self._look(sub, known)
                self._known, self._looked = known, now
                self._index = {one.message_id: one for one in known.values()}
            return self._index

    def _times(self) -> tuple[int, ...]:
        # A folder's own time moves with every name put there or taken away.
        found = []
        for sub in ("", SENT, SENDING):
            try:
                with places.folder(self._root, _parts(sub)) as here:
                    found.append(os.fstat(here).st_mtime_ns)
            except FileNotFoundError:
                found.append(0)
        return tuple(found)

    def _look(self, sub: str, known: dict[tuple[str, str, int, int], Sent]) -> None:
        try:
            with places.folder(self._root, _parts(sub)) as here:
                for name in sorted(os.listdir(here)):
                    if not name.endswith(".eml") or name.startswith("."):
                        continue
                    try:
                        found = os.stat(name, dir_fd=here, follow_symlinks=False)
                    except FileNotFoundError:
                        # It has just been taken away or finished; the others are still here.
                        continue
                    mark = (sub, name, found.st_size, found.st_mtime_ns)
                    one = self._known.get(mark) or _read(here, name)
                    if one is not None:
                        known[mark] = one
        except FileNotFoundError:
            return

    def holds(self, message_id: str, sub: str = "") -> bytes | None:
        """The bytes of a letter in one of the folders; None when it isn't there."""
        try:
            with places.folder(self._root, _parts(sub)) as here:
                return places.read_if_there(here, name_of(message_id), _MOST)
        except FileNotFoundError:
            return None

    def put(self, message_id: str, body: bytes, sub: str = "") -> None:
        """Write a letter, whole and durable. Raises TransientError when the disk refuses."""
        with places.disk_errors("the outbox"), places.folder(self._root, _parts(sub), create=True) as here:
            name = name_of(message_id)
            places.write(here, name, body, token=name.removesuffix(".eml"))
        self._looked = ()

    def finish(self, message_id: str) -> None:
        """A letter under way was taken by the server: keep it as sent."""
        with places.disk_errors("the outbox"), places.folder(self._root, _parts(SENDING)) as here:
            with places.folder(self._root, _parts(SENT), create=True) as there:
                os.rename(name_of(message_id), name_of(message_id), src_dir_fd=here, dst_dir_fd=there)
                os.fsync(there)
            os.fsync(here)
        self._looked = ()

    def drop(self, message_id: str) -> None:
        """A letter under way certainly did not leave."""
        with (
            places.disk_errors("the outbox"),
            places.folder(self._root, _parts(SENDING), create=True) as here,
        ):
            places.remove(here, name_of(message_id))

    def left(self, one: Sent, body: bytes, sub: str = "") -> Sent | None:
        """What is known of the same letter when it left before, perhaps with another date: so it is after an older state was restored.

        Raises PermanentError when other words left under its Message-ID.
        """
        before = self.holds(one.message_id, sub)
        if before is None:
            return None
        if _undated(before) != _undated(body):
            place = "/".join((*_parts(sub), name_of(one.message_id)))
            raise PermanentError(
                f"other words left under this letter's name before: {place}",
                code="key-reused",
                now_true="this letter was not sent",
                way_out="read what left; `steward retry` writes a new letter",
            )
        return summary(before)

    def claimed(self, once: str, message_id: str) -> Sent | None:
        """Another letter that already left under the same claim."""
        if not once:
            return None
        return next((o for o in self.sent().values() if o.once == once and o.message_id != message_id), None)

    def begin(self, one: Sent, body: bytes) -> Sent | None:
        """Note durably that a letter is about to leave. Returns the earlier letter that makes this one superfluous.

        Raises UnknownOutcome when the same letter began to leave before.
        """
        with self._lock:
            if self.holds(one.message_id, SENDING) is not None:
                raise UnknownOutcome(f"the letter to {one.to} began to leave before", code="smtp-lost")
            earlier = self.claimed(one.once, one.message_id)
            if earlier is None:
                self.put(one.message_id, body, SENDING)
            return earlier

    def deliver(self, body: bytes) -> Outcome:
        """Put a letter into the outbox, once. A second one under the same claim stays unsent."""
        one = summary(body)
        with self._lock:
            if (before := self.left(one, body)) is not None:
                return outcome(before, sent=True, repeated=True)
            earlier = self.claimed(one.once, one.message_id)
            if earlier is not None:
                return outcome(earlier, sent=False, repeated=True)
            self.put(one.message_id, body)
            return outcome(one, sent=True)


def outcome(one: Sent, *, sent: bool, repeated: bool = False) -> Outcome:
    """What a step gets to read about a letter that left (or had left before)."""
    outputs = {
        "message-id": one.message_id,
        "to": one.to,
        "thread": one.thread,
        "sent": sent,
        "at": one.at,
    }
    return Outcome(outputs=outputs, provider_id=one.message_id, repeated=repeated)


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
    head, parted, rest = body.partition(b"\r\n\r\n")
    return _DAY.sub(b"", head + b"\r\n") + parted + rest


def _parts(sub: str) -> tuple[str, ...]:
    return (FOLDER, sub) if sub else (FOLDER,)


def _read(here: int, name: str) -> Sent | None:
    try:
        return summary(places.read(here, name, _HEAD))
    except (OSError, PermanentError):
        # Somebody's own file in the outbox: not ours to judge.
        return None
