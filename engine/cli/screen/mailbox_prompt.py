"""init's question about a mailbox: where it is, what opens it, and whether it can be read and answered from now."""

import argparse
import getpass
import os
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from engine.app.adapters import mailboxes
from engine.app.setup import mailbox_wizard
from engine.app.setup.mailbox_wizard import KEPT_AS, MailboxPlan
from engine.app.workspace import sealed_secrets
from engine.app.workspace.workspace import Workspace, open_workspace
from engine.cli.output import colour, err, error, prompt
from engine.ledger import Keys
from engine.model.errors import UsageError

_TRIES = 3
_SECONDS = 20.0
"""How long a server may take to answer while its owner waits."""


def ask_for_mailbox(args: argparse.Namespace, *, ask: bool) -> MailboxPlan | None:
    """The mailbox to attach: what the flags say, else on a terminal what is typed; None for none. Raises UsageError on flags."""
    if args.mailbox:
        return mailbox_wizard.parsed(args.mailbox, args.smtp)
    if args.smtp:
        raise UsageError(
            "--smtp says how the letters of a mailbox are answered, and there is none",
            now_true="Nothing was written.",
            way_out="--mailbox imaps://you@example.com@imap.example.com/INBOX --smtp …",
        )
    for _ in range(_TRIES if ask else 0):
        address = prompt("the address of a mailbox to read letters from and answer (Enter: later): ")
        if not address:
            return None
        try:
            return _plan_for(address)
        except UsageError as problem:
            error(problem)
    return None


def _plan_for(address: str) -> MailboxPlan:
    if "://" in address or mailbox_wizard.provider_of(address) is not None:
        plan = mailbox_wizard.parsed(address)
    else:
        domain = address.rpartition("@")[2]
        host = prompt(f"  its IMAP server (Enter: imap.{domain}): ") or f"imap.{domain}"
        smtp = prompt(f"  its SMTP server (Enter: smtp.{domain}): ") or f"smtp.{domain}"
        scheme, _, bare = host.rpartition("://")
        read = f"{scheme or 'imaps'}://{quote(address, safe='@')}@{bare}"
        plan = mailbox_wizard.parsed(read, smtp if "://" in smtp else f"smtps://{smtp}")
    answered = f"answered through {plan.sent_by.host}" if plan.sent_by else "answers go to the outbox folder"
    err(f"  read on {plan.read_on.host}, {answered}")
    if plan.note:
        err(f"  {plan.note}")
    folder = prompt(f"  the folder there (Enter: {plan.folder}): ")
    return mailbox_wizard.within(plan, folder) if folder else plan


def connect(root: Path, mailbox: MailboxPlan, *, ask: bool) -> int:
    """Say whether the mailbox can be read and answered from now, a password being typed where one may be; 1 when it can't."""
    workspace = open_workspace(root, os.environ)
    err()
    if os.environ.get(KEPT_AS):
        return 1 if _test_mailbox(workspace) else 0
    for left in range(_TRIES if ask else 0, 0, -1):
        if not _store_password(workspace, mailbox):
            break
        trouble = _test_mailbox(workspace)
        if trouble != "refused" or left == 1:
            return 1 if trouble else 0
    err("  the mailbox stands in steward.yaml; nothing was read or sent, for its password is not known")
    err(f"    → steward secrets set {KEPT_AS}   (or {KEPT_AS} in the environment), then: steward doctor")
    return 0


def _store_password(workspace: Workspace, mailbox: MailboxPlan) -> bool:
    value = getpass.getpass(
        f"  the password of {mailbox.user} (not shown; kept sealed on this machine; Enter: later): ",
        stream=sys.stderr,
    )
    if not value:
        return False
    with closing(Keys.open(workspace.state)) as keys:
        sealed_secrets.keep(keys, KEPT_AS, value)
    return True


def _test_mailbox(workspace: Workspace) -> str:
    """Try to read and to send, and report it; empty when both work, ``refused`` when another password may help."""
    servers = [server for server in mailboxes.alive(workspace, seconds=_SECONDS) if server.far]
    for server in servers:
        mark, shade = ("✓", "green") if server.ok else ("✗", "red")
        err(f"  {colour(mark, shade, sys.stderr)} {server.mailbox:<10} {server.words}")
        if server.way_out:
            err(f"    {'':<10} → {server.way_out}")
    if all(server.ok for server in servers):
        err(
            "  nothing was read or sent yet: letters start runs with the next `steward run`, or as they come while `steward up` is up"
        )
        return ""
    err("  the mailbox stands in steward.yaml; nothing was read or sent. When it is mended: steward doctor")
    return "refused" if any(server.refused for server in servers) else "other"
