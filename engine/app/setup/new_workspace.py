"""New workspaces: the operator's own, and the demo's with its letters."""

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.app.setup import starter_files
from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace, open_workspace
from engine.connectors.email.auto_reply_rules import unanswered
from engine.connectors.email.message.addresses import usable
from engine.governance import second_factor
from engine.language.documents.settings import is_branch
from engine.ledger import Keys
from engine.model.errors import UsageError
from engine.vault import commit_all, current_branch, init_repository

LETTERS = Path(__file__).parent / "letters"
# Short words that are hard to mistake: a demo's passphrase is printed, so that it protects nothing but shows the way.
_WORDS = "amber birch cedar delta ember fjord grove harbor iris juniper kestrel lagoon maple north olive pebble quartz river".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demo workspace, its letters still to come."""

    workspace: Workspace
    passphrase: str
    letters: tuple[Path, ...]


def room(root: Path) -> str:
    """The branch that a workspace in this folder would deploy: the one its repository is on, else main.

    Raises UsageError when the folder already is a workspace, or its repository is on no branch that steward.yaml can name.
    """
    if (root / "steward.yaml").exists():
        raise UsageError(
            f"{root} is a workspace already",
            code="exists",
            now_true="Nothing was changed.",
            way_out=f"cd {root} && steward status",
        )
    branch = current_branch(root) if (root / ".git").exists() else "main"
    if not is_branch(branch):
        raise UsageError(
            f"the branch {branch!r} can't be named in steward.yaml",
            code="branch",
            now_true="Nothing was written.",
            way_out="git switch -c main   there, then type the command again",
        )
    return branch


_LOCALTIME = Path("/etc/localtime")


def make(root: Path, *, name: str, email: str, mailbox: str = "", zone: str = "UTC") -> tuple[str, ...]:
    """Write the starter files, make the git repository and its first commit. Files that are there already stay.

    `mailbox` is the block of steward.yaml for one on a server, `zone` where the operator's days begin. Returns the paths written. Raises UsageError as `room` does, and for an
    address that can't work.
    """
    branch, address = room(root), address_of(email)
    root.mkdir(parents=True, exist_ok=True)
    written = starter_files.write(
        root, id=secrets.token_hex(6), operator=name, email=address, mailbox=mailbox, branch=branch, zone=zone
    )  # fmt: skip
    init_repository(root, name, address)
    commit_all(root, "Begin with the starter files")
    return written


def machine_zone(env: Mapping[str, str], localtime: Path = _LOCALTIME) -> str:
    """The time zone this machine is set to, as IANA calls it; UTC when the machine does not say."""
    linked = os.path.realpath(localtime).rpartition("zoneinfo/")[2]
    for name in (env.get("TZ", "").removeprefix(":").rpartition("zoneinfo/")[2], linked):
        try:
            if name:
                zone = ZoneInfo(name.removeprefix("posix/")).key
                return "UTC" if zone == "Etc/UTC" else zone
        except (KeyError, ValueError, OSError):
            continue
    return "UTC"


def address_of(text: str) -> str:
    """The address an operator writes from. Raises UsageError for one that can't work: letters from it would come back or be lost."""
    address = usable(text)
    local, at, domain = text.strip().rpartition("@")
    if not text.strip():
        why = "nobody is named to write as"
    elif address and not _DOTTED.fullmatch(local.strip('"')):
        why = f"{text} can't be written to from everywhere: a dot stands between two words before the @"
    elif address and unanswered(address):
        why = f"nobody reads {address}, as it says itself: answers to your letters would be lost"
    elif address:
        return address
    elif not at or not local:
        why = f"{text} is no address: it is written name@domain"
    elif "." not in domain.strip("."):
        why = f"{text} has no domain that letters find: it ends like example.org"
    else:
        why = f"{text} can't be written to as it stands"
    raise UsageError(
        why,
        code="address",
        now_true="Nothing was written.",
        way_out='steward init FOLDER --name "Your Name" --email you@your-domain',
    )


# Letters *from* such addresses are read and answered; who writes as one is refused by many servers (RFC 5321, dot-string).
_DOTTED = re.compile(r"[^.]+(?:\.[^.]+)*")
_SAMPLE = re.compile(r"(?:.*[.@])?(?:example(?:\.(?:com|net|org|edu))?|test|invalid|localhost|local)")


def doubtful(address: str) -> str:
    """What is odd about an address that could work; empty for an ordinary one. Domains for examples and tests reach no person (RFC 2606)."""
    domain = address.rpartition("@")[2]
    if _SAMPLE.fullmatch(domain):
        return f"{domain} is a domain for examples and tests: letters to it reach nobody"
    return ""


def make_demo(root: Path, env: Mapping[str, str]) -> Demo:
    """A demo workspace in a new folder, with a passphrase of its own. It carries no id, so its state is its own, too."""
    if root.exists() and any(root.iterdir()):
        raise UsageError(
            f"{root} is not empty",
            now_true="Nothing was changed.",
            way_out="steward demo   (it makes a new folder)",
        )
    root.mkdir(parents=True, exist_ok=True)
    starter_files.write(root, id=None)
    init_repository(root, "Robin Park", "robin@example.com")
    commit_all(root, "Begin with the starter files")
    workspace = open_workspace(root, env)
    # A folder that was deleted by hand may have left state behind that belongs to another demo in the same place.
    if workspace.state.path.exists():
        shutil.rmtree(workspace.state.path)
    passphrase = "-".join(secrets.choice(_WORDS) for _ in range(4))
    keys = Keys.open(workspace.state)
    try:
        second_factor.enrol_passphrase(keys, passphrase, salt=secrets.token_bytes(16))
    finally:
        keys.close()
    return Demo(workspace=workspace, passphrase=passphrase, letters=tuple(sorted(LETTERS.glob("*.eml"))))


def demo_folder(env: Mapping[str, str]) -> Path:
    """A new folder for a demo below the data directory: demo-1, demo-2, …"""
    base = (
        Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME") or Path.home()) / ".local" / "share")
        / "steward"
    )
    if os.name == "nt":
        base = Path(env.get("LOCALAPPDATA") or Path.home()) / "steward"
    number = 1
    while (base / f"demo-{number}").exists():
        number += 1
    return base / f"demo-{number}"


def deliver(demo: Demo) -> list[Path]:
    """Drop the letters into the inbox, as a mail client would: written beside, then renamed into place. They came a minute ago."""
    inbox = demo.workspace.root / "vault" / "inbox" / "leads"
    inbox.mkdir(parents=True, exist_ok=True)
    placed = []
    for letter in demo.letters:
        part = inbox / f".{letter.name}.part"
        part.write_bytes(letter.read_bytes())
        came = present().timestamp() - 60
        os.utime(part, (came, came))
        placed.append(part.replace(inbox / letter.name))
    return placed
