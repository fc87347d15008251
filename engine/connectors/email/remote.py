"""Mailboxes on a server, fetched into their mirrors: in one pass, or by threads that wait for news as long as the engine is up.

A letter is fetched when its number is not in the mirror. What was handled is the ledger's to know: a mirror that is lost, or a folder
whose letters all got new numbers, costs fetching them again and starts nothing twice.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from engine.connectors.email import imap
from engine.connectors.email.account import Account
from engine.connectors.email.letters import MAX_LETTER
from engine.connectors.email.mirror import Kept, Mirror
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.ports import Secrets

POLL_SECONDS = 60.0
"""How often a server that does not tell of news is asked."""
WAIT_SECONDS, MOST_WAIT_SECONDS = 1.0, 300.0
"""The first and the longest wait before a lost server is called again; which part of it, chance says."""
# While many letters are fetched, those that are here are handled.
_HINT_EACH = 20
_JOIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """What a mailbox on a server needs of this machine: the state folder, the time (seconds since 1970), chance (0 to 1)."""

    state: str
    now: Callable[[], float]
    chance: Callable[[], float]


def fetch(
    session: imap.Session,
    mirror: Mirror,
    account: Account,
    *,
    whole: bool,
    now: float,
    came: Callable[[int], None] = lambda _: None,
) -> int:
    """Fetch what the mirror lacks; how many letters. `whole`: compare all of the folder, else only look for numbers above those here.

    `came` is told the count after each letter. Raises TransientError or PermanentError; what was fetched before stays.
    """
    opened = session.folder(account.folders[mirror.mailbox])
    held = {one.uid for one in mirror.kept() if one.validity == opened.validity}
    there = session.uids(above=0 if whole else max(held, default=0), since=account.since)
    count = 0
    for facts in session.facts([uid for uid in there if uid not in held]):
        size, raw = facts.size, b""
        if size <= MAX_LETTER:
            found = session.letter(facts.uid, MAX_LETTER)
            if found is None:
                continue
            # Some servers only guess at a letter's size.
            size, raw = len(found), found if len(found) <= MAX_LETTER else b""
        mirror.keep(Kept(validity=opened.validity, uid=facts.uid, size=size, at=facts.at), raw)
        count += 1
        came(count)
    if whole:
        mirror.settle(opened.validity, there, now=now)
    return count


class Remote:
    """The mailboxes of one account. `say` tells the operator what changes about reaching them; it may be called from any thread."""

    def __init__(
        self,
        *,
        account: Account,
        secrets: Secrets,
        mirrors: Mapping[str, Mirror],
        attached: Attached,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.account = account
        self._secrets = secrets
        self.mirrors = dict(mirrors)
        self._attached = attached
        self._say = say or (lambda _: None)
        self._said: dict[str, str] = {}
        self._stop = threading.Event()
        self._lines: dict[str, imap.Session] = {}
        self._lock = threading.Lock()
        self._attended = False

    def refresh(self) -> None:
        """Fetch what is new, unless threads do that. A server that can't be reached is told of; what is here stays readable."""
        if self._attended:
            return
        try:
            with imap.session(self.account, self._secrets) as session:
                for mailbox, mirror in self.mirrors.items():
                    try:
                        fetch(session, mirror, self.account, whole=True, now=self._attached.now())
                    except PermanentError as error:
                        self._failed(mailbox, error)
        except EngineError as error:
            self._failed(", ".join(self.mirrors), error)

    @contextmanager
    def attended(self, hint: Callable[[], None]) -> Iterator[None]:
        """While this is open a thread for each mailbox fetches what comes and calls `hint`; `refresh` does nothing."""
        self._attended = True
        self._stop.clear()
        threads = [
            threading.Thread(target=self._attend, args=(mirror, hint), name=f"mailbox {mailbox}", daemon=True)
            for mailbox, mirror in self.mirrors.items()
        ]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._stop.set()
            with self._lock:
                for session in self._lines.values():
                    session.hang_up()
            for one in threads:
                one.join(_JOIN_SECONDS)
            self._attended = False

    def _attend(self, mirror: Mirror, hint: Callable[[], None]) -> None:
        failures = [0]
        while not self._stop.is_set():
            wait = 0.0
            try:
                with (
                    imap.session(self.account, self._secrets) as session,
                    self._on_line(mirror.mailbox, session),
                ):
                    self._serve(session, mirror, hint, failures)
            except EngineError as error:
                wait = self._delay(error, failures)
                self._failed(mirror.mailbox, error)
            except Exception as bug:
                # A thread that ends unseen would be a mailbox that nobody reads.
                wait = MOST_WAIT_SECONDS
                self._tell(mirror.mailbox, f"stopped reading for a while: {type(bug).__name__}")
            self._stop.wait(wait)

    @contextmanager
    def _on_line(self, mailbox: str, session: imap.Session) -> Iterator[None]:
        with self._lock:
            self._lines[mailbox] = session
        try:
            yield
        finally:
            with self._lock:
                del self._lines[mailbox]

    def _serve(
        self, session: imap.Session, mirror: Mirror, hint: Callable[[], None], failures: list[int]
    ) -> None:
        def came(count: int) -> None:
            if count % _HINT_EACH == 0:
                hint()

        whole = True
        while not self._stop.is_set():
            now = self._attached.now()
            if fetch(session, mirror, self.account, whole=whole, now=now, came=came):
                hint()
            failures[0] = 0
            self._reached(mirror.mailbox)
            if session.tells:
                whole = not session.idle(self.account.refresh)
            else:
                self._stop.wait(POLL_SECONDS)

    def _delay(self, error: EngineError, failures: list[int]) -> float:
        """Exponential, with full jitter. What a person has to mend is asked again slowly: many tries lock an account."""
        failures[0] += 1
        if isinstance(error, PermanentError):
            return MOST_WAIT_SECONDS
        most = min(WAIT_SECONDS * 2.0 ** min(failures[0], 20), MOST_WAIT_SECONDS)
        return WAIT_SECONDS / 4 + most * self._attached.chance()

    def _reached(self, mailbox: str) -> None:
        if self._said.get(mailbox):
            self._tell(mailbox, f"{self.account.host} answers again")
            self._said[mailbox] = ""

    def _failed(self, mailbox: str, error: EngineError) -> None:
        if self._stop.is_set():
            return
        later = "tried again" if isinstance(error, TransientError) else error.way_out
        self._tell(mailbox, f"{error.message}; letters there are not read now{f'; {later}' if later else ''}")

    def _tell(self, mailbox: str, words: str) -> None:
        if self._said.get(mailbox) != words:
            self._said[mailbox] = words
            self._say(f"mailbox {mailbox}: {words}")
