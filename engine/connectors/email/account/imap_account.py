"""A mail account on a server, as `connectors.email` of steward.yaml describes it.

With a host, a mailbox is a folder on that server; one whose path begins with ``vault/`` stays a folder of the workspace.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from engine.connectors.arguments import one_line
from engine.model.definitions.actions import EffectClass
from engine.model.definitions.settings import SecretRef
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import Json

if TYPE_CHECKING:
    # Only a name here: `check` asks for the class of letters and opens no connection.
    import ssl

LOCAL = "vault/"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""This machine: nothing sent to it in clear leaves it."""
_PORTS = {"ssl": 993, "starttls": 143, "none": 143}
_COPIES = ("append", "server", "none")
FOLDER = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
"""What a folder of a mail server may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAccount:
    """Where letters are read. `folders`: mailbox → folder on the server. `since`: letters that came before that day are passed over.

    `sent` says how copies of what was sent get into the folder of sent letters: ``append`` (we put them there, unless the server
    is known to), ``server`` (it does so itself) or ``none`` (it is not searched). `sent_folder` is empty where the server names it.
    `seconds` is the patience for one answer, `refresh` how long it may be silent before it is asked whether it is still there.
    """

    host: str
    port: int
    tls: str
    user: str
    password: SecretRef
    folders: Mapping[str, str]
    since: date | None = None
    sent: str = "append"
    sent_folder: str = ""
    seconds: float = 30.0
    refresh: float = 240.0
    context: "Callable[[], ssl.SSLContext] | None" = None


def remote(settings: Mapping[str, Json]) -> dict[str, str]:
    """The mailboxes on the server: name → folder there."""
    return {name: path for name, path in _mailboxes(settings).items() if _there(settings, path)}


def local(settings: Mapping[str, Json]) -> dict[str, str] | None:
    """The mailboxes that are folders of the workspace: name → path. None when nothing is written: then the inbox is."""
    mailboxes = _mailboxes(settings)
    return (
        {name: path for name, path in mailboxes.items() if not _there(settings, path)} if mailboxes else None
    )


def class_of_letters(settings: Mapping[str, Json]) -> EffectClass:
    """Idempotent into the outbox folder; opaque through a server; queryable where the folder of sent letters can be looked into."""
    if not settings.get("host"):
        return EffectClass.IDEMPOTENT
    looked = settings.get("sent") != "none" and any(_there(settings, path) for path in _paths(settings))
    return EffectClass.QUERYABLE if looked else EffectClass.OPAQUE


def account_of(settings: Mapping[str, Json]) -> MailAccount | None:
    """The account in `connectors.email`, None where no mailbox is on a server. Raises PermanentError(code='setting')."""
    folders = remote(settings)
    if not folders:
        return None
    host = settings.get("imap-host") or settings.get("host")
    user, password = settings.get("user"), settings.get("password")
    tls = str(settings.get("imap-tls") or "ssl")
    sent = str(settings.get("sent") or "append")
    if not isinstance(host, str) or tls not in _PORTS or sent not in _COPIES:
        raise _wrong("imap-tls is ssl, starttls or none; sent is append, server or none")
    if tls == "none" and host not in LOOPBACK:
        raise _wrong(
            f"letters of {host} are read over TLS only; imap-tls: none is for a server on this machine"
        )
    if not isinstance(user, str) or not user or password is None:
        raise PermanentError(
            f"connectors.email: reading {next(iter(folders.values()))} on {host} needs user and password",
            code="setting",
            way_out="add user: you@example.com and password: ${{ secrets.MAIL }}, then `steward secrets set MAIL`",
        )
    if not isinstance(password, SecretRef):
        raise PermanentError(
            "connectors.email.password stands in the file itself",
            code="setting",
            way_out="write it as ${{ secrets.MAIL }} and put the value where secrets are looked up",
        )
    for folder in folders.values():
        if not FOLDER.fullmatch(folder):
            raise _wrong(f"no folder of a mail server is called {one_line(folder, 80)}")
    return MailAccount(
        host=host, port=_port(settings.get("imap-port"), tls), tls=tls, user=user, password=password, folders=folders,
        since=_day(settings.get("since")), sent=sent, sent_folder=str(settings.get("sent-folder") or ""),
    )  # fmt: skip


def _mailboxes(settings: Mapping[str, Json]) -> dict[str, str]:
    mailboxes = settings.get("mailboxes")
    if mailboxes is None:
        return {}
    if not isinstance(mailboxes, dict) or not all(isinstance(path, str) for path in mailboxes.values()):
        raise PermanentError("connectors.email.mailboxes is a map of names to folders", code="setting")
    return mailboxes


def _paths(settings: Mapping[str, Json]) -> list[str]:
    """As `_mailboxes`, where it does not matter yet whether it makes sense."""
    mailboxes = settings.get("mailboxes")
    return (
        [path for path in mailboxes.values() if isinstance(path, str)] if isinstance(mailboxes, dict) else []
    )


def _there(settings: Mapping[str, Json], path: str) -> bool:
    return bool(settings.get("imap-host") or settings.get("host")) and not path.startswith(LOCAL)


def _port(port: Json, tls: str) -> int:
    if port is None:
        return _PORTS[tls]
    if not isinstance(port, int) or not 0 < port < 65536:
        raise _wrong("imap-port is a number from 1 to 65535")
    return port


def _day(text: Json) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise _wrong("since is a day, like 2026-11-01") from error


def _wrong(problem: str) -> PermanentError:
    return PermanentError(f"connectors.email: {problem}", code="setting", way_out="mend it in steward.yaml")
