"""What every verb starts with: the workspace around the current folder, who types, and whether it is a person."""

import getpass
import os
import sys
from pathlib import Path

from engine.app.workspace.clock import present_stamp
from engine.app.workspace.workspace import Workspace, open_workspace
from engine.cli.output import in_zone
from engine.model.errors import Refused


def workspace() -> Workspace:
    """The workspace around the current folder. From here on moments are told in its time zone."""
    opened = open_workspace(Path.cwd(), os.environ)
    in_zone(opened.config.time_zone)
    return opened


def now() -> str:
    """The present moment as a stamp."""
    return present_stamp()


def actor() -> str:
    """Who decides, for the ledger: the login name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


def person() -> bool:
    """Whether a person can be at the other end: a terminal for input and talk."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def need_person(verb: str) -> None:
    """Raises Refused unless a person can be at the other end."""
    if not person():
        raise no_terminal(verb, f"steward {verb} …")


def no_terminal(verb: str, command: str) -> Refused:
    """The refusal of a decision without a terminal; `command` is what to type in one."""
    return Refused(
        f"`steward {verb}` decides, and decisions need a terminal",
        code="no-terminal",
        now_true="Nothing was decided and nothing was sent.",
        way_out=f"type it in a terminal: {command}",
    )
