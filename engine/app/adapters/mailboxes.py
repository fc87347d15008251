"""The mailboxes of a workspace as its operator knows them: read while the engine is up, and shown alive."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from engine.app.workspace.sealed_secrets import resolver
from engine.app.workspace.workspace import Workspace
from engine.connectors import action_specs
from engine.connectors.email.account.imap_account import MailAccount, account_of, local
from engine.connectors.email.imap import client, mailbox_status
from engine.connectors.email.imap.cache import Mirror
from engine.connectors.email.imap.mailbox_status import MailboxStatus
from engine.connectors.email.imap.sync import ImapRuntime
from engine.connectors.email.mailboxes import DEFAULT, INBOX, Mailboxes
from engine.connectors.email.sending import missing_copies, smtp
from engine.connectors.email.sending.outbox import SentKnowledge
from engine.governance.secrets import SecretResolver
from engine.ledger import Keys, current_owner
from engine.model.definitions.actions import EffectClass
from engine.model.errors import EngineError, PermanentError
from engine.model.ports import Clock, Secrets, Source
from engine.model.state.state import State
from engine.model.values.timestamps import stamp

PATIENCE_SECONDS = 5.0
"""How long mailboxes and sending are waited for while a person watches."""
LONG_SECONDS = 3600.0
"""A server that has not answered for this long is more than a moment's trouble."""
_LETTERS = frozenset(spec.name for spec in action_specs.email(kind=EffectClass.IDEMPOTENT))
_REFUSED = frozenset({"imap-refused", "smtp-refused-login"})
# Letters wait for it to pass, but it needs a person.
_BARRED = frozenset({"smtp-barred"})
SENDING = "sending"
"""The name under which sending is shown beside the mailboxes."""
COPIES = "sent copies"
"""The name under which copies that the server did not keep are shown."""


def attached(workspace: Workspace, clock: Clock, chance: Callable[[], float]) -> ImapRuntime:
    """What mailboxes on a server need of this machine."""
    return ImapRuntime(state=str(workspace.state.path), now=lambda: clock.now().timestamp(), chance=chance)


def letters_left(book: Callable[[], State], clock: Clock) -> SentKnowledge:
    """What the ledger knows of letters that left, for the outbox to be compared with."""

    def left() -> Iterator[str] | None:
        state = book()
        return _left(state) if state.seq else None

    return SentKnowledge(left=left, now=lambda: stamp(clock.now()))


def _left(book: State) -> Iterator[str]:
    # A copy: the loop goes on while this is asked for.
    for run in reversed(list(book.runs.values())):
        for step in run.steps.values():
            if step.action in _LETTERS and step.status == "succeeded" and step.provider:
                yield step.provider


@contextmanager
def attended(sources: Sequence[Source], hint: Callable[[], None]) -> Iterator[None]:
    """While this is open, threads wait for news of the mailboxes on a server and call `hint` when a letter has arrived."""
    with ExitStack() as stack:
        for source in sources:
            remote = getattr(source, "remote", None)
            if remote is not None:
                stack.enter_context(remote.attended(hint))
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxHealth:
    """One mailbox, or the way out, in words; `ok`: letters in it are read, or would leave. `way_out` is what to type, if anything is.

    `later`: what is wrong may pass by itself; `refused`: another password may help; `far`: it is on a server.
    """

    mailbox: str
    words: str
    ok: bool
    way_out: str = ""
    later: bool = False
    refused: bool = False
    far: bool = False

    @property
    def grade(self) -> Literal["ok", "look", "ill"]:
        """How bad it is: what a person has to mend is an ill."""
        return "ok" if self.ok else "look" if self.later else "ill"


def alive(
    workspace: Workspace, secrets: Secrets | None = None, *, seconds: float = PATIENCE_SECONDS
) -> list[MailboxHealth]:
    """Every mailbox of the workspace and the way out, checked now; those on a server over the network, within `seconds`.

    Nothing is fetched, sent, changed or raised. `secrets` are the workspace's own where none are given.
    """
    settings = workspace.config.connector("email")
    try:
        folders, account, server = local(settings), account_of(settings), smtp.server_of(settings)
    except EngineError as error:
        return [MailboxHealth(mailbox="email", words=error.message, way_out=error.way_out, ok=False)]
    with closing(Keys.open(workspace.state)) as keys:
        known = secrets or resolver(workspace, keys)
        statuses = _standings(workspace, account, keys)
        answers = _in_time(
            _questions(account, server, known, workspace.config.operator.email, seconds), seconds
        )
    checks = [
        replace(_with_daemon_status(answer, statuses.get(answer.mailbox), workspace), far=True)
        for answer in answers
    ]
    if account is None or folders:
        checks += _local_mailboxes(workspace, folders)
    checks += _copies(workspace, account)
    return sorted(checks, key=lambda check: (check.mailbox in {SENDING, COPIES}, check.mailbox))


Question = tuple[tuple[str, ...], Callable[[], list[MailboxHealth]]]
"""The names it is about, and what finds out."""


def _questions(
    account: MailAccount | None, server: smtp.SmtpServer | None, secrets: Secrets, sender: str, seconds: float
) -> Iterator[Question]:
    if account is not None:
        patient = replace(account, seconds=min(seconds, account.seconds))
        yield tuple(account.folders), lambda: list(_check_mailboxes(patient, secrets))
    if server is not None:
        way = replace(server, seconds=min(seconds, server.seconds))
        yield (SENDING,), lambda: [_check_sending(way, secrets, sender)]


def troubles(workspace: Workspace, keys: Keys) -> list[str]:
    """What was wrong with mailboxes on a server when they were last read, in words; from this machine alone."""
    try:
        account = account_of(workspace.config.connector("email"))
    except EngineError as error:
        return [error.message]
    standings = _standings(workspace, account, keys)
    sentences = [
        f"{mailbox}: {status.words} (since {_minute(status.since)}){f'; {status.way_out}' if status.way_out else ''}"
        for mailbox, status in sorted(standings.items())
        if status.words
    ]
    return [*sentences, *(copy.words for copy in _copies(workspace, account))]


def _copies(workspace: Workspace, account: MailAccount | None) -> Iterator[MailboxHealth]:
    """Letters that left and have no copy on the server, as they were written down last."""
    missing = missing_copies.get(str(workspace.state.path))
    if account is not None and missing.letters:
        words = f"{missing.summary} (since {_minute(missing.since)}); they lie in outbox/sent"
        way_out = missing.way_out or "nothing to type: it is tried again by itself"
        yield MailboxHealth(mailbox=COPIES, words=words, ok=False, later=not missing.person, way_out=way_out)


def _standings(workspace: Workspace, account: MailAccount | None, keys: Keys) -> dict[str, MailboxStatus]:
    if account is None:
        return {}
    state, index_key = str(workspace.state.path), keys.index_key(workspace.id)
    standings = {}
    for mailbox in account.folders:
        mirror = Mirror.of(account, state=state, mailbox=mailbox, index_key=index_key)
        if (status := mailbox_status.get(state, mirror.folder)) is not None:
            standings[mailbox] = status
    return standings


def _in_time(questions: Iterable[Question], seconds: float) -> list[MailboxHealth]:
    """The results of all questions, asked at once; one that is not answered in time says so. A slow name look-up is left behind in its thread."""
    asked = list(questions)
    answers: list[list[MailboxHealth]] = [[] for _ in asked]

    def ask(n: int, question: Callable[[], list[MailboxHealth]]) -> None:
        answers[n] = question()

    threads = [
        threading.Thread(target=ask, args=(n, question), daemon=True, name="mailbox asked")
        for n, (_, question) in enumerate(asked)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))
    silent = f"gave no answer in {seconds:g} s"
    return [
        health
        for (names, _), answer in zip(asked, answers, strict=True)
        for health in answer
        or [MailboxHealth(mailbox=name, words=silent, ok=False, later=True) for name in names]
    ]


def _with_daemon_status(
    health: MailboxHealth, seen: MailboxStatus | None, workspace: Workspace
) -> MailboxHealth:
    """The result of this check, combined with what the running process found."""
    if seen is None or not seen.words:
        return health
    if health.ok and current_owner(workspace.state) is not None:
        next_ = f", and tries again at {_minute(seen.next)}" if seen.next else ""
        words = f"{health.words}; but the process that is up was told: {seen.words}{next_}"
        return replace(health, words=words, ok=False, later=True)
    if health.later and time.time() - seen.since > LONG_SECONDS:
        words = f"{health.words}; so since {_minute(seen.since)}"
        return replace(
            health, words=words, later=False, way_out="look at the network and at imap-host in steward.yaml"
        )
    return health


def _minute(seconds: float) -> str:
    return f"{stamp(datetime.fromtimestamp(seconds, UTC))[:16]}Z"


def _check_mailboxes(account: MailAccount, secrets: Secrets) -> Iterator[MailboxHealth]:
    left = dict(account.folders)
    try:
        with client.session(account, secrets) as session:
            itself = session.files_itself or account.sent == "server"
            copies = session.sent()
            sent = _sent(account, copies, itself=itself)
            if copies and account.sent == "append" and not itself:
                yield from _no_place(session, copies)
            for mailbox, folder in account.folders.items():
                try:
                    news = "told of news at once" if session.tells else "asked for news every minute"
                    words = f"{folder} on {account.host}: logged in{_cipher(account.tls)}; {_letters_in(session, account, folder)}; {news}; {sent}"
                    yield MailboxHealth(mailbox=mailbox, words=words, ok=True)
                except EngineError as error:
                    yield _failure(mailbox, error, secrets, account.password.name)
                    if error.code != "no-folder":
                        raise
                finally:
                    left.pop(mailbox)
    except EngineError as error:
        for mailbox in left:
            yield _failure(mailbox, error, secrets, account.password.name)


def _no_place(session: client.ImapSession, folder: str) -> Iterator[MailboxHealth]:
    """The folder of sent letters is not there: nothing that is sent from now on would have its copy."""
    try:
        session.folder(folder)
    except PermanentError as error:
        words = f"no copy of a sent letter can be kept: {error.message}"
        yield MailboxHealth(
            mailbox=COPIES, words=words, ok=False, way_out=f"sent-folder in steward.yaml; {error.way_out}"
        )


def _check_sending(server: smtp.SmtpServer, secrets: Secrets, sender: str) -> MailboxHealth:
    try:
        smtp.reach(server, secrets, sender=sender)
    except EngineError as error:
        return _failure(SENDING, error, secrets, server.password.name if server.password else "")
    entered = "logged in" if server.user and server.password else "answers"
    return MailboxHealth(
        mailbox=SENDING, words=f"through {server.host}: {entered}{_cipher(server.tls)}", ok=True
    )


def _cipher(tls: str) -> str:
    return "" if tls == "none" else " over TLS"


def _letters_in(session: client.ImapSession, account: MailAccount, folder: str) -> str:
    count = session.folder(folder).count
    if count and account.since is not None:
        count = len(session.uids(since=account.since))
    newest = session.newest() if count else None
    last = f", the last of {_minute(newest.at)}" if newest is not None else ""
    return f"{_letters(count)}{f' since {account.since}' if account.since else ''}{last}"


def _letters(count: int) -> str:
    return f"{count} letter{'' if count == 1 else 's'}"


def _sent(account: MailAccount, folder: str, *, itself: bool) -> str:
    if account.sent == "none":
        return "sent letters are not looked up"
    if not folder:
        return "no folder of sent letters is marked there: name it as sent-folder"
    return f"sent letters are looked up in {folder}{'' if itself else ', a copy of each is put there'}"


def _local_mailboxes(workspace: Workspace, folders: dict[str, str] | None) -> Iterator[MailboxHealth]:
    box = Mailboxes(root=str(workspace.root), folders=folders, index_key=b"")
    counts: dict[str, int] = {}
    for place in box.places():
        counts[place.mailbox] = counts.get(place.mailbox, 0) + 1
    paths = folders or {DEFAULT: "/".join(INBOX)}
    for mailbox in sorted({*paths, *counts}):
        path = paths.get(mailbox, "/".join((*INBOX, mailbox)))
        # The inbox may not exist before its first letter; any other folder named in steward.yaml should exist.
        if os.path.isdir(workspace.root / path) or path.startswith("/".join(INBOX)):
            yield MailboxHealth(mailbox=mailbox, words=f"{path}: {_letters(counts.get(mailbox, 0))}", ok=True)
        else:
            words = f"{path} is no folder of the workspace"
            yield MailboxHealth(
                mailbox=mailbox, words=words, ok=False, later=True, way_out=f"mkdir -p {path}"
            )


def _failure(mailbox: str, error: EngineError, secrets: Secrets, name: str) -> MailboxHealth:
    refused = error.code in _REFUSED
    person = refused or error.code in _BARRED or isinstance(error, PermanentError)
    way_out = error.way_out if person else "nothing to type: it is tried again while steward is up"
    if refused and isinstance(secrets, SecretResolver) and secrets.where(name) == "env":
        way_out = (
            f"put the right password into {name} in the environment; where steward is up, start it again"
        )
    return MailboxHealth(
        mailbox=mailbox, words=error.message, way_out=way_out, ok=False, later=not person, refused=refused
    )
