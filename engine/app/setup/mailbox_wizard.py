"""Attaching an existing mailbox: from an address or two URLs to the lines of steward.yaml that say so.

A password has no place in any of them: it is kept sealed, or set in the environment, under the name `KEPT_AS`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import SplitResult, unquote, urlsplit

from engine.connectors.email.account.imap_account import FOLDER, LOCAL
from engine.connectors.email.account.providers import PROVIDERS, MailProvider, by_host
from engine.connectors.email.message.addresses import domain_of, usable
from engine.model.errors import UsageError

KEPT_AS = "MAIL"
"""The name under which the password is looked up."""
INBOX = "INBOX"
_READ: Mapping[str, str] = {"imaps": "ssl", "imap": "starttls"}
_SENT: Mapping[str, str] = {"smtps": "ssl", "smtp": "starttls"}
_PORTS: Mapping[str, int] = {"imaps": 993, "imap": 143, "smtps": 465, "smtp": 587}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@+-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """One server. `tls` is ssl (from the first byte) or starttls; `port` None is the usual one for it."""

    host: str
    tls: str = "ssl"
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxPlan:
    """A folder on a mail server and the way its letters are answered. Without `sent_by` answers go to the outbox folder only.

    `note` is what its owner has to know of the provider.
    """

    read_on: MailServer
    user: str
    folder: str = INBOX
    sent_by: MailServer | None = None
    note: str = ""

    @property
    def address(self) -> str:
        """The address its owner writes from, where one logs in with it; else empty."""
        return usable(self.user)


def provider_of(address: str) -> MailProvider | None:
    """The provider of an address, where its hosts are published and known here."""
    return PROVIDERS.get(domain_of(usable(address)))


def guessed(address: str) -> MailboxPlan:
    """The mailbox of an address at a known provider. Raises UsageError for an unknown provider, and for one that no password opens."""
    clean = usable(address)
    if not clean:
        raise _wrong(f"{address} is no address")
    provider = provider_of(clean)
    if provider is None:
        raise _wrong(
            f"nobody published here where mailboxes of {domain_of(clean)} are",
            f"--mailbox imaps://{clean}@imap.{domain_of(clean)}/INBOX --smtp smtps://smtp.{domain_of(clean)}",
        )
    if provider.closed:
        raise _wrong(f"{domain_of(clean)}: {provider.note}", "steward init   without a mailbox")
    return MailboxPlan(
        read_on=MailServer(host=provider.imap), note=provider.note, sent_by=_sending(provider),
        user=clean if provider.whole else clean.partition("@")[0],
    )  # fmt: skip


def parsed(mailbox: str, smtp: str = "") -> MailboxPlan:
    """``imaps://user@host[:port]/FOLDER`` (``imap://``: STARTTLS) and ``smtps://host[:port]`` (``smtp://``), or an address alone.

    Raises UsageError, also for a password in it.
    """
    if "://" not in mailbox:
        plan = guessed(mailbox)
        return plan if not smtp else _with_smtp(plan, smtp)
    parts = _split(mailbox, _READ)
    user = unquote(parts.netloc.rpartition("@")[0])
    if not user or any(ord(character) < 33 for character in user):
        raise _wrong(
            "the mailbox names nobody to log in as",
            "--mailbox imaps://you@example.com@imap.example.com/INBOX",
        )
    read_on = _server(parts, _READ)
    provider = by_host(read_on.host)
    sent_by = _sending(provider) if provider is not None and not provider.closed else None
    bare = MailboxPlan(read_on=read_on, user=user, sent_by=sent_by, note=provider.note if provider else "")
    plan = within(bare, unquote(parts.path).strip("/") or INBOX)
    return plan if not smtp else _with_smtp(plan, smtp)


def within(mailbox: MailboxPlan, folder: str) -> MailboxPlan:
    """The same with another folder. Raises UsageError for what no folder is called."""
    if not FOLDER.fullmatch(folder) or folder.startswith(LOCAL):
        raise _wrong(f"no folder of a mail server is called {folder!r}")
    return replace(mailbox, folder=folder)


def _with_smtp(mailbox: MailboxPlan, smtp: str) -> MailboxPlan:
    parts = _split(smtp, _SENT)
    user = unquote(parts.netloc.rpartition("@")[0])
    if user and user != mailbox.user:
        raise _wrong("letters are read and sent as one user", "leave the user out of --smtp")
    return replace(mailbox, sent_by=_server(parts, _SENT))


def _sending(provider: MailProvider) -> MailServer:
    return MailServer(host=provider.smtp, tls="starttls" if provider.starttls else "ssl")


def _split(url: str, schemes: Mapping[str, str]) -> SplitResult:
    kinds = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read to be checked
    except ValueError as error:
        raise _wrong(
            f"that is no address of a server: it begins with {kinds} and goes on with user@host"
        ) from error
    if parts.scheme not in schemes or parts.query or parts.fragment:
        raise _wrong(f"that is no address of a server: it begins with {kinds} and goes on with user@host")
    if ":" in parts.netloc.rpartition("@")[0]:
        # What is typed here is kept by the shell and shown to every process of the machine.
        raise _wrong(
            "a password does not belong into a command",
            f"leave it out; set {KEPT_AS} in the environment, or type it when asked",
        )
    if not _HOST.fullmatch(parts.hostname or ""):
        raise _wrong("that names no host")
    return parts


def _server(parts: SplitResult, schemes: Mapping[str, str]) -> MailServer:
    usual = parts.port is None or parts.port == _PORTS[parts.scheme]
    return MailServer(
        host=parts.hostname or "", tls=schemes[parts.scheme], port=None if usual else parts.port
    )


def _wrong(message: str, way_out: str = "") -> UsageError:
    return UsageError(message, code="mailbox", now_true="Nothing was written.", way_out=way_out)


def lines(mailbox: MailboxPlan, *, since: date) -> str:
    """The block of steward.yaml for it: letters that came before `since` are left alone. Settings at their default are left out."""
    read_on, sent_by = mailbox.read_on, mailbox.sent_by
    rows: list[tuple[str, str, str]] = []
    if sent_by is not None:
        rows += [
            ("host", _yaml(sent_by.host), "answers leave through it"),
            *_apart("", sent_by, usual="starttls"),
        ]
    if sent_by is None or sent_by.host != read_on.host:
        rows += [("imap-host", _yaml(read_on.host), "letters are read there")]
    rows += _apart("imap-", read_on, usual="ssl")
    boxes = f"{{ leads: {_yaml(mailbox.folder)}, support: vault/inbox/support }}"
    rows += [
        ("user", _yaml(mailbox.user), ""),
        ("password", f"${{{{ secrets.{KEPT_AS} }}}}", f"kept elsewhere: steward secrets set {KEPT_AS}"),
        ("mailboxes", boxes, "folders there; below vault/: folders here"),
        ("since", since.isoformat(), "letters that came before that day are left alone"),
    ]
    shown = (
        f"    {key}: {value}".ljust(46) + f" # {why}" if why else f"    {key}: {value}"
        for key, value, why in rows
    )
    return "\n".join(["connectors:", "  email:", *shown]) + "\n"


def _apart(prefix: str, server: MailServer, *, usual: str) -> list[tuple[str, str, str]]:
    port = [(f"{prefix}port", str(server.port), "")] if server.port is not None else []
    return [*port, *([] if server.tls == usual else [(f"{prefix}tls", server.tls, "")])]


def _yaml(text: str) -> str:
    return (
        text
        if _PLAIN.fullmatch(text) and text.lower() not in _WORDS
        else json.dumps(text, ensure_ascii=False)
    )
