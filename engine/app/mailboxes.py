"""The mailboxes of a workspace as its operator knows them: read while the engine is up, and shown alive."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from engine.app.workspace import Workspace
from engine.connectors.email.account import Account, account_of, local
from engine.connectors.email.mailboxes import DEFAULT, INBOX, Mailboxes
from engine.connectors.email.remote import Attached
from engine.model.errors import EngineError
from engine.model.ports import Clock, Secrets, Source


def attached(workspace: Workspace, clock: Clock, chance: Callable[[], float]) -> Attached:
    """What mailboxes on a server need of this machine."""
    return Attached(state=str(workspace.state.path), now=lambda: clock.now().timestamp(), chance=chance)


@contextmanager
def attended(sources: Sequence[Source], hint: Callable[[], None]) -> Iterator[None]:
    """While this is open, threads wait for news of the mailboxes that lie on a server and call `hint` when a letter is here."""
    with ExitStack() as stack:
        for source in sources:
            found = getattr(source, "remote", None)
            if found is not None:
                stack.enter_context(found.attended(hint))
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """One mailbox, where it is and how it stands, in words; `ok`: letters in it are read."""

    mailbox: str
    words: str
    ok: bool


def alive(workspace: Workspace, secrets: Secrets | None = None) -> list[Alive]:
    """Every mailbox of the workspace, asked now: those on a server over the network. Nothing is fetched, changed or raised.

    `secrets` are the workspace's own where none are given.
    """
    settings = workspace.config.connector("email")
    found: list[Alive] = []
    try:
        folders, account = local(settings), account_of(settings)
    except EngineError as error:
        return [Alive(mailbox="email", words=_told(error), ok=False)]
    if account is not None:
        found += _asked(account, secrets or _resolver(workspace))
    if account is None or folders:
        found += _here(workspace, folders)
    return sorted(found, key=lambda one: one.mailbox)


def _resolver(workspace: Workspace) -> Secrets:
    from engine.governance.secrets import Resolver
    from engine.ledger import Keys

    keys = Keys.open(workspace.state)
    try:
        store = json.loads(keys.get_secret("secrets") or b"{}")
    finally:
        keys.close()
    return Resolver(order=workspace.config.secrets, env=os.environ, store=store)


def _asked(account: Account, secrets: Secrets) -> Iterator[Alive]:
    from engine.connectors.email import imap

    left = dict(account.folders)
    try:
        with imap.session(account, secrets) as session:
            itself = session.files_itself or account.sent == "server"
            sent = _sent(account, session.sent(), itself=itself)
            for mailbox, folder in account.folders.items():
                try:
                    count = len(session.uids(since=account.since)) if session.folder(folder).count else 0
                    news = "told of news at once" if session.tells else "asked for news every minute"
                    words = f"{folder} on {account.host}: {_letters(count)}{_since(account)}; {news}; {sent}"
                    yield Alive(mailbox=mailbox, words=words, ok=True)
                except EngineError as error:
                    yield Alive(mailbox=mailbox, words=_told(error), ok=False)
                    if error.code != "no-folder":
                        raise
                finally:
                    left.pop(mailbox)
    except EngineError as error:
        for mailbox in left:
            yield Alive(mailbox=mailbox, words=_told(error), ok=False)


def _letters(count: int) -> str:
    return f"{count} letter{'' if count == 1 else 's'}"


def _since(account: Account) -> str:
    return f" since {account.since}" if account.since else ""


def _sent(account: Account, folder: str, *, itself: bool) -> str:
    if account.sent == "none":
        return "sent letters are not looked up"
    if not folder:
        return "no folder of sent letters is marked there: name it as sent-folder"
    return f"sent letters are looked up in {folder}{'' if itself else ', a copy of each is put there'}"


def _here(workspace: Workspace, folders: dict[str, str] | None) -> Iterator[Alive]:
    box = Mailboxes(root=str(workspace.root), folders=folders, index_key=b"")
    counts: dict[str, int] = {}
    for place in box.places():
        counts[place.mailbox] = counts.get(place.mailbox, 0) + 1
    where = folders or {DEFAULT: "/".join(INBOX)}
    for mailbox in sorted({*where, *counts}):
        path = where.get(mailbox, "/".join((*INBOX, mailbox)))
        there = os.path.isdir(workspace.root / path)
        words = (
            f"{path}: {_letters(counts.get(mailbox, 0))}"
            if there
            else f"{path} is no folder of the workspace"
        )
        yield Alive(mailbox=mailbox, words=words, ok=there)


def _told(error: EngineError) -> str:
    return f"{error.message}; {error.way_out}" if error.way_out else error.message
