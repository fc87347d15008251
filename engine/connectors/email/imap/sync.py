"""Mailboxes on a server, fetched into their mirrors: in one pass, or by threads that wait for news as long as the engine is up.

A letter is fetched when its number is not in the mirror. What was handled is the ledger's to know: a mirror that is lost, or a folder
whose letters all got new numbers, costs fetching them again and starts nothing twice.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap import client, mailbox_status
from engine.connectors.email.imap.cache import CachedMessage, Mirror
from engine.connectors.email.imap.mailbox_status import MailboxStatus
from engine.connectors.email.message.parse import MAX_LETTER
from engine.model.errors import EngineError, PermanentError
from engine.model.ports import Secrets
from engine.model.values.durations import exponential

POLL_SECONDS = 60.0
"""How often a server that does not tell of news is asked."""
WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 300.0
"""The first and the longest wait before a lost server is called again; which part of it, chance says."""
REFUSED_SECONDS = 60.0
"""The first wait after something that a person has to mend; it doubles up to the longest."""
# While many letters are fetched, those that are here are handled.
_HINT_EACH = 20
_JOIN_SECONDS = 3.0
HEAD_BYTES = 65_536
"""The bytes of a sent letter that are read: its head names the letter it answers."""
_SENT_DAYS = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapRuntime:
    """What a mailbox on a server needs of this machine: the state folder, the time (seconds since 1970), chance (0 to 1)."""

    state: str
    now: Callable[[], float]
    chance: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one look at a folder brought: how many letters came, and the numbers of those it lists whose bytes it did not give."""

    count: int
    withheld: frozenset[int]


def fetch(
    session: client.ImapSession,
    mirror: Mirror,
    account: MailAccount,
    *,
    whole: bool,
    now: float,
    came: Callable[[int], None] = lambda _: None,
    max_bytes: int = 0,
) -> Fetched:
    """Fetch what the mirror lacks, `max_bytes` of a letter (0: as many as are ever read). `whole`: compare all of the folder, else only look for numbers above those here.

    `came` is told the count after each letter. Raises TransientError or PermanentError; what was fetched before stays.
    """
    max_bytes = max_bytes or MAX_LETTER
    opened = session.folder(account.folders.get(mirror.mailbox) or session.sent())
    cached_uids = {message.uid for message in mirror.messages() if message.validity == opened.validity}
    there = session.uids(above=0 if whole else max(cached_uids, default=0), since=account.since)
    lacking = [uid for uid in there if uid not in cached_uids]
    fetched: set[int] = set()
    for facts in session.facts(lacking):
        raw = session.letter(facts.uid, max_bytes)
        if raw is None or (not raw and facts.size):
            # Removed meanwhile, or not available now. An empty answer is not the letter.
            continue
        # Some servers only guess at a letter's size; of a longer one the beginning is kept.
        size = len(raw) if len(raw) <= max_bytes else max(len(raw), facts.size)
        mirror.keep(
            CachedMessage(validity=opened.validity, uid=facts.uid, size=size, at=facts.at), raw[:max_bytes]
        )
        fetched.add(facts.uid)
        came(len(fetched))
    if whole:
        mirror.settle(opened.validity, there, now=now)
    return Fetched(count=len(fetched), withheld=frozenset(lacking) - fetched)


def fetch_sent(
    session: client.ImapSession, mirror: Mirror | None, account: MailAccount, *, now: float
) -> bool:
    """Fetch the heads of what the operator sent lately from programs of their own; whether any came. Without such a folder there is nothing to
    see. Raises TransientError.
    """
    if mirror is None or not session.sent():
        return False
    lately = datetime.fromtimestamp(now, UTC).date() - _SENT_DAYS
    account = replace(account, since=max(lately, account.since or lately))
    try:
        return bool(fetch(session, mirror, account, whole=True, now=now, max_bytes=HEAD_BYTES).count)
    except PermanentError:
        return False


class Remote:
    """The mailboxes of one account. `say` tells the operator what changes about reaching them; it may be called from any thread.

    `settle` is done whenever the server has answered: what is owed to it. `sent` takes the heads of what the operator sends from programs of
    their own.
    """

    def __init__(
        self,
        *,
        account: MailAccount,
        secrets: Secrets,
        mirrors: Mapping[str, Mirror],
        attached: ImapRuntime,
        say: Callable[[str], None] | None = None,
        settle: Callable[[], None] | None = None,
        sent: Mirror | None = None,
    ) -> None:
        self._settle = settle or (lambda: None)
        self.account = account
        self._secrets = secrets
        self.mirrors = dict(mirrors)
        self.sent = sent
        self._attached = attached
        self._say = say or (lambda _: None)
        self._announced: dict[str, str] = {}
        self._stop = threading.Event()
        self._lines: dict[str, client.ImapSession] = {}
        self._lock = threading.Lock()
        self._attended = False

    def all(self) -> tuple[Mirror, ...]:
        """The mirrors of the mailboxes, and that of sent letters where they are looked up."""
        return (*self.mirrors.values(), *((self.sent,) if self.sent is not None else ()))

    def refresh(self) -> None:
        """Fetch what is new, unless threads do that. A server that can't be reached is told of; what is here stays readable."""
        if self._attended:
            return
        try:
            with client.session(self.account, self._secrets) as session:
                fetch_sent(session, self.sent, self.account, now=self._attached.now())
                for mailbox, mirror in self.mirrors.items():
                    try:
                        if withheld := self._fetched(session, mirror, whole=True).withheld:
                            withheld &= self._fetched(session, mirror, whole=True).withheld
                        self._note_look(mailbox, withheld)
                    except PermanentError as error:
                        self._failed(mailbox, error)
        except EngineError as error:
            for mailbox in self.mirrors:
                self._failed(mailbox, error)
        else:
            self._settle()

    @contextmanager
    def attended(self, hint: Callable[[], None]) -> Iterator[None]:
        """While this is open a thread for each mailbox fetches what comes and calls `hint`; `refresh` does nothing."""
        self._attended = True
        self._stop.clear()
        threads = [
            threading.Thread(target=self._attend, args=(mirror, hint), name=f"mailbox {mailbox}", daemon=True)
            for mailbox, mirror in self.mirrors.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            with self._lock:
                for session in self._lines.values():
                    session.hang_up()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
            self._attended = False

    def _attend(self, mirror: Mirror, hint: Callable[[], None]) -> None:
        failures = [0]
        while not self._stop.is_set():
            wait = 0.0
            try:
                with (
                    client.session(self.account, self._secrets) as session,
                    self._on_line(mirror.mailbox, session),
                ):
                    self._serve(session, mirror, hint, failures)
            except EngineError as error:
                wait = self._delay(error, failures)
                self._failed(mirror.mailbox, error, wait)
            except Exception as bug:
                # If a thread ended unseen, its mailbox would go unread.
                wait, words = MAX_WAIT_SECONDS, f"stopped reading for a while: {type(bug).__name__}"
                since, now = self._since(mirror.mailbox), self._attached.now()
                self._stand(mirror.mailbox, MailboxStatus(words=words, since=since, next=now + wait))
                self._tell(mirror.mailbox, words)
            self._stop.wait(wait)

    @contextmanager
    def _on_line(self, mailbox: str, session: client.ImapSession) -> Iterator[None]:
        with self._lock:
            self._lines[mailbox] = session
        try:
            yield
        finally:
            with self._lock:
                del self._lines[mailbox]

    def _serve(
        self, session: client.ImapSession, mirror: Mirror, hint: Callable[[], None], failures: list[int]
    ) -> None:
        def came(count: int) -> None:
            if count % _HINT_EACH == 0:
                hint()

        whole, withheld = True, frozenset[int]()
        first = mirror.mailbox == next(iter(self.mirrors))
        while not self._stop.is_set():
            # Before the folder itself, which has to be the open one while news is waited for.
            news = first and fetch_sent(session, self.sent, self.account, now=self._attached.now())
            fetched = self._fetched(session, mirror, whole=whole, came=came)
            if fetched.count or news:
                hint()
            failures[0] = 0
            self._note_look(mirror.mailbox, withheld & fetched.withheld)
            withheld = fetched.withheld
            if first:
                self._settle()
            if session.tells:
                # A withheld letter is asked for again soon; its number is below the highest one here.
                patience = min(POLL_SECONDS, self.account.refresh) if withheld else self.account.refresh
                whole = not session.idle(patience) or bool(withheld)
            else:
                whole = True
                self._stop.wait(POLL_SECONDS)

    def _fetched(
        self,
        session: client.ImapSession,
        mirror: Mirror,
        *,
        whole: bool,
        came: Callable[[int], None] = lambda _: None,
    ) -> Fetched:
        return fetch(session, mirror, self.account, whole=whole, now=self._attached.now(), came=came)

    def _delay(self, error: EngineError, failures: list[int]) -> float:
        """Exponential, with full jitter. What a person has to mend is asked again slowly: many tries lock an account."""
        failures[0] += 1
        if isinstance(error, PermanentError):
            return _grown(REFUSED_SECONDS, failures[0])
        return WAIT_SECONDS / 4 + _grown(WAIT_SECONDS, failures[0] + 1) * self._attached.chance()

    def _note_look(self, mailbox: str, withheld: Collection[int]) -> None:
        """A look at the folder went well. `withheld` was listed and not given twice: once may be chance, as when a letter is moved."""
        words = ""
        if withheld:
            numbers = ", ".join(map(str, sorted(withheld)[:5]))
            suffix = " and more" if len(withheld) > 5 else ""
            words = f"{self.account.host} lists letters there and does not give them (number {numbers}{suffix}); asked again"
        status = self._stands(mailbox)
        if status is None or status.words != words:
            self._stand(mailbox, MailboxStatus(words=words, since=self._attached.now()))
        if words:
            self._tell(mailbox, words)
        elif self._announced.get(mailbox):
            self._tell(mailbox, f"{self.account.host} answers again")
            self._announced[mailbox] = ""

    def _failed(self, mailbox: str, error: EngineError, wait: float = 0.0) -> None:
        if self._stop.is_set():
            return
        person = isinstance(error, PermanentError)
        later = error.way_out if person else "tried again"
        standing_ = MailboxStatus(
            words=error.message, way_out=error.way_out, person=person, since=self._since(mailbox),
            next=self._attached.now() + wait if wait else 0.0,
        )  # fmt: skip
        self._stand(mailbox, standing_)
        self._tell(mailbox, f"{error.message}; letters there are not read now{f'; {later}' if later else ''}")

    def _tell(self, mailbox: str, words: str) -> None:
        if self._announced.get(mailbox) != words:
            self._announced[mailbox] = words
            self._say(f"mailbox {mailbox}: {words}")

    def _stand(self, mailbox: str, standing_: MailboxStatus) -> None:
        mailbox_status.put(self._attached.state, self.mirrors[mailbox].folder, standing_)

    def _stands(self, mailbox: str) -> MailboxStatus | None:
        return mailbox_status.get(self._attached.state, self.mirrors[mailbox].folder)

    def _since(self, mailbox: str) -> float:
        """Since when something has been wrong with it."""
        status = self._stands(mailbox)
        return status.since if status is not None and status.words else self._attached.now()


def _grown(seconds: float, times: int) -> float:
    """The pause after so many failures in a row, in seconds."""
    longest = timedelta(seconds=MAX_WAIT_SECONDS)
    return exponential(timedelta(seconds=seconds), times, longest).total_seconds()
