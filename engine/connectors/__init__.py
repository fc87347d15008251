"""The pieces of the world Steward can change: letters, files, documents, payment requests, notices.

Terms
-----
*declare*   what an action takes, gives, costs in reach, and how it is taken back: data, in :mod:`engine.connectors.action_specs`.
*preview*   the finished bytes, made without writing anything; equal calls over an equal world give equal bytes.
*perform*   those bytes, once per key, however often it is called.
*find*      whether a key was performed: None is "certainly not"; where it can't be known, UnknownOutcome is raised.

Invariants
----------
Nothing here knows a clock, chance, or policy. Arguments are held against the declaration again, because a connector is
the last that can refuse. Every path below the workspace is opened step by step (:mod:`engine.connectors.safe_paths`). What a connector keeps
of its own is in the outbox, beside the state, in files people can read; the workspace has a link to it.

Non-goals: deciding whether an effect may happen (governance), when (kernel), or for whom money moves (a provider).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.connectors import action_specs
from engine.connectors.email.account.imap_account import class_of_letters
from engine.model.definitions.actions import ActionSpec, EffectClass
from engine.model.definitions.settings import Config
from engine.model.ports import Blobs, Connector, Secrets, Source

if TYPE_CHECKING:
    # Only names here: see `build`.
    from engine.connectors.email.account.imap_account import MailAccount
    from engine.connectors.email.imap.sync import ImapRuntime, Remote
    from engine.connectors.email.sending.missing_copies import MissingCopies
    from engine.connectors.email.sending.outbox import Outbox, SentKnowledge
    from engine.connectors.notify_channels import Channel


def declare_all(config: Config | None = None) -> tuple[ActionSpec, ...]:
    """Every action of every built-in connector, without touching the world.

    `config` decides one thing: the class of letters follows from the way they take.
    """
    kind = class_of_letters(config.connector("email")) if config else EffectClass.IDEMPOTENT
    return (
        *action_specs.email(kind=kind),
        *action_specs.files(),
        *action_specs.documents(),
        *action_specs.payments(),
        *action_specs.notify(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinConnectors:
    """The built-in connectors by the part of an action's name before the slash, and the source of letters."""

    connectors: dict[str, Connector]
    source: Source


def build(
    config: Config,
    *,
    root: str,
    home: str,
    index_key: bytes,
    blobs: Blobs,
    secrets: Secrets,
    screen: Callable[[str], None] | None = None,
    attached: "ImapRuntime | None" = None,
    known: "SentKnowledge | None" = None,
) -> BuiltinConnectors:
    """The connectors of the workspace in folder `root`; their own files are in `home`/outbox. Raises PermanentError(code='setting') on settings that make no sense.

    `index_key` keys every id made here, so that none contains an address; `screen` shows a notice to the operator; without
    `attached` no mailbox on a server is read. `known`: what the ledger knows of letters that left.
    """
    # Imported here: `check` declares and imports nothing more.
    from engine.connectors.documents import Documents
    from engine.connectors.files import Files
    from engine.connectors.notify import Notify
    from engine.connectors.payments import Payments, pay_url_of

    email, source = _email(
        config,
        root=root,
        home=home,
        index_key=index_key,
        blobs=blobs,
        secrets=secrets,
        screen=screen,
        attached=attached,
        known=known,
    )
    payments = config.connector("payments")
    connectors: dict[str, Connector] = {
        "email": email,
        "files": Files(root=root, home=home, blobs=blobs),
        "documents": Documents(blobs=blobs),
        "payments": Payments(
            root=home, pay_url=pay_url_of(payments), pay_to=str(payments.get("pay-to") or "")
        ),
        "notify": Notify(root=home, screen=screen, channels=ways(config, secrets)),
    }
    return BuiltinConnectors(connectors=connectors, source=source)


def ways(config: Config, secrets: Secrets) -> "tuple[Channel, ...]":
    """The ways in which the operator is told something, in the order in which they are tried."""
    from engine.connectors.email.message.addresses import Mailbox, usable
    from engine.connectors.notify_channels import channels_of

    operator = Mailbox(name=config.operator.name, address=usable(config.operator.email))
    return channels_of(
        config.connector("notify"), email=config.connector("email"), operator=operator, secrets=secrets
    )


def _email(
    config: Config,
    *,
    root: str,
    home: str,
    index_key: bytes,
    blobs: Blobs,
    secrets: Secrets,
    screen: Callable[[str], None] | None,
    attached: "ImapRuntime | None",
    known: "SentKnowledge | None",
) -> tuple[Connector, Source]:
    from zoneinfo import ZoneInfo

    from engine.connectors.email.account.imap_account import account_of, local
    from engine.connectors.email.connector import Email
    from engine.connectors.email.mailboxes import Mailboxes
    from engine.connectors.email.message.addresses import Mailbox, usable
    from engine.connectors.email.sending.delivery import Sending
    from engine.connectors.email.sending.outbox import Outbox
    from engine.connectors.email.sending.smtp import server_of
    from engine.connectors.email.source import EmailSource
    from engine.connectors.email.threads import ThreadIndex

    settings = config.connector("email")
    account = account_of(settings)
    outbox = Outbox(home, known)
    copies = _copies(account, secrets, outbox, attached, screen) if account else None
    settle = copies.settle if copies is not None else None
    remote = _remote(account, secrets, attached, index_key, screen, settle) if account and attached else None
    mailboxes = Mailboxes(
        root=root,
        folders=local(settings),
        index_key=index_key,
        mirrors=remote.all() if remote else (),
    )
    threads = ThreadIndex(mailboxes=mailboxes, outbox=outbox, index_key=index_key)
    own = usable(config.operator.email)
    email = Email(
        outbox=outbox,
        threads=threads,
        blobs=blobs,
        sending=Sending(
            outbox=outbox, secrets=secrets, sender=own, server=server_of(settings), copies=copies
        ),
        operator=Mailbox(name=config.operator.name, address=own),
        index_key=index_key,
        zone=ZoneInfo(config.time_zone),
    )
    source = EmailSource(
        mailboxes=mailboxes,
        outbox=outbox,
        threads=threads,
        index_key=index_key,
        own=(own,) if own else (),
        trusted=str(settings.get("trusted-receiver") or ""),
        remote=remote,
    )
    return email, source


def _copies(
    account: "MailAccount",
    secrets: Secrets,
    outbox: "Outbox",
    attached: "ImapRuntime | None",
    screen: Callable[[str], None] | None,
) -> "MissingCopies | None":
    from engine.connectors.email.imap.sent_folder import SentBox
    from engine.connectors.email.sending.missing_copies import MissingCopies

    if account.sent == "none":
        return None
    box, say = SentBox(account=account, secrets=secrets), screen or (lambda _: None)
    if attached is None:
        return MissingCopies(box=box, outbox=outbox, say=say)
    return MissingCopies(box=box, outbox=outbox, state=attached.state, now=attached.now, say=say)


def _remote(
    account: "MailAccount",
    secrets: Secrets,
    attached: "ImapRuntime",
    index_key: bytes,
    screen: Callable[[str], None] | None,
    settle: Callable[[], None] | None,
) -> "Remote":
    from engine.connectors.email.imap.cache import Mirror
    from engine.connectors.email.imap.sync import Remote
    from engine.connectors.email.mailboxes import SENT

    url = f"imap://{account.host}/sent letters"
    looked_up = account.sent != "none" and SENT not in account.folders
    sent = Mirror(state=attached.state, mailbox=SENT, url=url, index_key=index_key) if looked_up else None
    mirrors = {
        mailbox: Mirror.of(account, state=attached.state, mailbox=mailbox, index_key=index_key)
        for mailbox in account.folders
    }
    return Remote(
        account=account,
        secrets=secrets,
        mirrors=mirrors,
        attached=attached,
        say=screen,
        settle=settle,
        sent=sent,
    )
