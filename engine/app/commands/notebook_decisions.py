"""The one thing a notebook may write: yes or no to exactly the card it shows."""

import getpass
import os
import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from engine.app.commands import command_bus
from engine.app.workspace.workspace import Workspace, open_workspace
from engine.model.errors import EngineError, Refused
from engine.model.requests import Decided
from engine.model.values import ids
from engine.model.values.timestamps import localized
from engine.observe import today_page
from engine.vault import anchored

WORKSPACE = "STEWARD_WORKSPACE"
"""Environment variable: the workspace that `steward open` was typed in. Without it, the one around the current folder."""


def place() -> Workspace:
    """The workspace that is shown. Raises UsageError outside one."""
    return open_workspace(Path(os.environ.get(WORKSPACE) or Path.cwd()), os.environ)


def playbooks(workspace: Workspace) -> frozenset[str]:
    """The playbooks that are deployed now, by name."""
    paths = (Path(path) for path, _ in workspace.tree.paths())
    return frozenset(path.stem for path in paths if path.parent.as_posix() == "playbooks")


def day(workspace: Workspace, now: datetime) -> today_page.Page:
    """The day's page of a workspace, as it is now."""
    return today_page.page(
        workspace.state, now=now, zone=workspace.config.time_zone, living=playbooks(workspace), tree=workspace.tree
    )  # fmt: skip


def fresh() -> str:
    """A word that can't be guessed, for the door of the notebooks' server."""
    return secrets.token_urlsafe(32)


def anchored_at(workspace: Workspace) -> int:
    """The seq up to which the ledger's head is anchored outside it; 0 for not at all."""
    known = anchored(workspace.root)
    return known[0] if known else 0


def decide(
    id: str,
    digest: str,
    *,
    say: Literal["approve", "reject"] = "approve",
    because: str = "",
    workspace: Workspace | None = None,
    wire: command_bus.Wire | None = None,
) -> Decided:
    """Approve or reject the open card `id` whose bytes have the `digest` that was shown; waits until it is decided.

    A decision from here is of strength 1: Refused(code='strength') for a card of payment or legal reach, which takes a passphrase or
    code in a terminal; Refused(code='digest') when the card holds other bytes than were shown. Nothing happens then. Whether the card is
    still open, unexpired and undrifted is judged by whoever owns the ledger, and comes back as the answer. `wire` furnishes the house, for the simulator only.
    """
    workspace = workspace or place()
    with today_page.look(workspace.state) as seen:
        card = seen.card(id)
    if digest != card.digest:
        raise Refused(
            "what was shown is not what this card holds",
            code="digest",
            now_true="Nothing was decided and nothing was sent.",
            way_out="look again",
        )
    if say == "approve" and card.strength > 1:
        raise Refused(
            "this needs your passphrase or a code, and a browser is no place for it",
            code="strength",
            now_true="Nothing was decided and nothing was sent.",
            way_out=f"steward approve {ids.short(id)}   in a terminal",
        )
    body = {"because": because} if say == "reject" and because else None
    asked = command_bus.request(say, actor=_actor(), target=id, digest=digest, body=body)
    carried = command_bus.submit(
        workspace, replace(asked, channel="notebook"), listen=lambda _: None, wire=wire
    )
    return carried.decided


def said(id: str, digest: str, *, say: Literal["approve", "reject"], because: str = "") -> str:
    """Decide, and what became of it in words, also when it was refused."""
    workspace = place()
    try:
        decided = decide(id, digest, say=say, because=because, workspace=workspace)
        return localized(decided.message, workspace.config.time_zone)
    except EngineError as error:
        return "\n".join(part for part in (error.message, error.now_true, error.way_out) if part)


def _actor() -> str:
    """Who decides, for the ledger: the login name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
