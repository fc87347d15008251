"""Which letters belong together, without an address in the name of a thread.

A thread is named by an HMAC of the Message-ID of its first letter, found in this order: one of our own letters that the
letter refers to (its copy in the outbox says which thread), the first entry of References, what In-Reply-To leads back to
through the mailboxes, the letter's own Message-ID, the letter itself.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engine.connectors.email import auto_reply_rules
from engine.connectors.email.mailboxes import SENT, LetterLocation, Mailboxes
from engine.connectors.email.message import foreign_files, headers, parse
from engine.connectors.email.message.addresses import same
from engine.connectors.email.message.parse import Letter, author_of
from engine.connectors.email.sending.outbox import Outbox
from engine.model.errors import PermanentError, TransientError
from engine.model.text import similarity
from engine.model.values.ids import source_id
from engine.model.values.timestamps import stamp

_HEAD = 65_536
_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadEntry:
    """What ties a letter to others. `author` is empty unless there is exactly one."""

    place: LetterLocation
    message_id: str
    references: tuple[str, ...]
    in_reply_to: tuple[str, ...]
    author: str
    subject: str


class ThreadIndex:
    """Threads over all mailboxes and the outbox. Safe to use from several threads of the program."""

    def __init__(self, *, mailboxes: Mailboxes, outbox: Outbox, index_key: bytes) -> None:
        self._mailboxes = mailboxes
        self._outbox = outbox
        self._index_key = index_key
        self._lock = threading.RLock()
        self._entries: dict[str, ThreadEntry] = {}
        self._sources: dict[str, str] = {}

    def source_of(self, letter: Letter) -> str:
        """The id that keeps a letter from starting twice: a repeated Message-ID over another body is another letter."""
        return source_id(self._index_key, "email", letter.message_id, letter.digest)

    def thread_of(self, letter: Letter, entries: Callable[[], dict[str, ThreadEntry]] | None = None) -> str:
        """The id of the letter's conversation: 64 hex characters. `entries`: as `index`, for many letters in a row."""
        return self._thread(
            letter.message_id, letter.references, letter.in_reply_to, self.source_of(letter), entries
        )

    def _thread(
        self,
        message_id: str,
        references: tuple[str, ...],
        in_reply_to: tuple[str, ...],
        source: str,
        entries: Callable[[], dict[str, ThreadEntry]] | None,
    ) -> str:
        if not references and not in_reply_to:
            return source_id(self._index_key, "thread", message_id or source)
        for id_ in reversed((*references, *in_reply_to)):
            if (ours := self._outbox.find(id_)) is not None and ours.thread:
                return ours.thread
        root = next(iter(references), "")
        if not root and in_reply_to:
            root = self._back(in_reply_to[0], (entries or self.index)())
            if (ours := self._outbox.find(root)) is not None and ours.thread:
                return ours.thread
        return source_id(self._index_key, "thread", root or message_id or source)

    def _back(self, id_: str, entries: dict[str, ThreadEntry]) -> str:
        """The oldest letter that In-Reply-To leads to, as far as the mailboxes know it."""
        passed: set[str] = set()
        while id_ in entries and id_ not in passed and len(passed) < _STEPS:
            passed.add(id_)
            entry = entries[id_]
            if entry.references:
                return entry.references[0]
            if not entry.in_reply_to:
                break
            id_ = entry.in_reply_to[0]
        return id_

    def kin(
        self, letter: Letter, entries: Callable[[], dict[str, ThreadEntry]] | None = None
    ) -> tuple[str, ...]:
        """Conversations that an answer may belong to though it names no letter we know: with the same person under the same subject.

        The newest first. None for a letter whose subject is not that of an answer.
        """
        subject = similarity.bare(letter.subject)
        if not (letter.author and subject and similarity.answers(letter.subject)):
            return ()
        known = (entries or self.index)()
        named = {*letter.references, *letter.in_reply_to}
        if named & known.keys() or any(id_ in self._outbox for id_ in named):
            return ()
        newest: dict[str, str] = {}
        for sent in self._outbox.kin(letter.author, subject):
            if sent.thread:
                newest[sent.thread] = max(sent.at, newest.get(sent.thread, ""))
        for entry in known.values():
            itself = entry.message_id == letter.message_id
            if itself or not same(entry.author, letter.author) or similarity.bare(entry.subject) != subject:
                continue
            thread = self._thread(entry.message_id, entry.references, entry.in_reply_to, "", lambda: known)
            at = _came(entry)
            newest[thread] = max(at, newest.get(thread, ""))
        newest.pop(self.thread_of(letter, entries), None)
        return tuple(sorted(newest, key=lambda thread: (newest[thread], thread), reverse=True))

    def members(self, thread: str) -> list[tuple[ThreadEntry, str]]:
        """(entry, source id) of every letter of a thread that is in the mailboxes now."""
        with self._lock:
            entries = self._all()
            by_id = {entry.message_id: entry for entry in reversed(entries) if entry.message_id}
            members = []
            for entry in entries:
                alone = not (entry.message_id or entry.references or entry.in_reply_to)
                source = self._source(entry.place) if alone else ""
                if (
                    self._thread(entry.message_id, entry.references, entry.in_reply_to, source, lambda: by_id)
                    == thread
                ):
                    members.append((entry, source or self._source(entry.place)))
            return members

    def version(self, thread: str) -> str:
        """A digest of which letters the thread has now; empty when it has none."""
        sources = sorted({source for _, source in self.members(thread)})
        return source_id(self._index_key, "head", *sources) if sources else ""

    def find(self, message_id: str, author: str, thread: str) -> Letter | None:
        """The letter a run is about, read again; None when it is gone. A stranger's letter with the same id is not it."""
        for entry in self._all():
            if entry.message_id != message_id:
                continue
            letter = self._letter(entry.place)
            if (
                letter is not None
                and auto_reply_rules.wrote(letter, author)
                and thread in self._threads_of(letter)
            ):
                return letter
        return None

    def came(self, message_id: str) -> str:
        """When a letter came into the mailboxes, as a stamp; empty for one that is not there."""
        entry = self.index().get(message_id)
        return _came(entry) if entry else ""

    def _threads_of(self, letter: Letter) -> set[str]:
        """The conversation it is in, and the one of its own that a web form's letter begins."""
        return {self.thread_of(letter), self.thread_of(replace(letter, references=(), in_reply_to=()))}

    def letters(self, thread: str) -> list[tuple[LetterLocation, Letter]]:
        """The letters of a thread, oldest first."""
        letters = [(entry.place, self._letter(entry.place)) for entry, _ in self.members(thread)]
        known = [(place, letter) for place, letter in letters if letter is not None]
        return sorted(known, key=lambda pair: (when(*pair), pair[0].name))

    def index(self) -> dict[str, ThreadEntry]:
        """What ties each letter with a Message-ID to others, by that id; of several, the first by place."""
        return {entry.message_id: entry for entry in reversed(self._all()) if entry.message_id}

    def _all(self) -> list[ThreadEntry]:
        with self._lock:
            entries: dict[str, ThreadEntry] = {}
            # The operator's own sent letters need not be read.
            for place in (location for location in self._mailboxes.places() if location.mailbox != SENT):
                entry = self._entries.get(place.mark) or self._entry(place)
                if entry is not None:
                    # A Maildir program may have moved it since.
                    entries[place.mark] = entry if entry.place == place else replace(entry, place=place)
            self._entries = entries
            self._sources = {mark: source for mark, source in self._sources.items() if mark in entries}
            return list(entries.values())

    def _entry(self, place: LetterLocation) -> ThreadEntry | None:
        if foreign_files.is_archive(place.name):
            return None
        try:
            head = headers.split(headers.even(self._mailboxes.load(place, _HEAD)))
        except (OSError, PermanentError, TransientError):
            return None
        if not head.fields:
            return None
        return ThreadEntry(
            place=place,
            message_id=next(iter(head.ids("message-id")), ""),
            references=head.ids("references"),
            in_reply_to=head.ids("in-reply-to"),
            author=author_of(head),
            subject=head.text("subject"),
        )

    def _source(self, place: LetterLocation) -> str:
        known = self._sources.get(place.mark)
        if known is None:
            letter = self._letter(place)
            known = self.source_of(letter) if letter else place.mark
            self._sources[place.mark] = known
        return known

    def _letter(self, place: LetterLocation) -> Letter | None:
        if not place.size or foreign_files.is_archive(place.name):
            return None
        try:
            return parse.read(self._mailboxes.load(place, parse.MAX_LETTER), place.size)
        except (OSError, PermanentError, TransientError):
            return None


def _came(entry: ThreadEntry) -> str:
    return stamp(datetime.fromtimestamp(entry.place.mtime_ns / 1e9, UTC))


def when(place: LetterLocation, letter: Letter) -> float:
    """Seconds since 1970: when the last server took the letter, else when the file was written."""
    return letter.received.timestamp() if letter.received else place.mtime_ns / 1e9
