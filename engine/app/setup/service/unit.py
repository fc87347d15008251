"""What a service runs: the same Python, the same workspace and the same state as the command that installs it."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.app.workspace.workspace import Workspace
from engine.model.errors import EngineError, UsageError

MARK = "Made by `steward service install`"
"""What the file says of itself: only such a file is ever overwritten or removed."""

_TOOLS = ("git", "bwrap", "op")
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """Whose a service of the machine is: its login name, numbers and home."""

    name: str
    uid: int
    gid: int
    home: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One workspace to be kept up. `env` names places only; secrets come from `secrets_file` or from where the settings say."""

    id: str
    root: Path
    state: Path
    command: tuple[str, ...]
    env: Mapping[str, str]
    secrets_file: Path

    @property
    def name(self) -> str:
        """Its name without an ending."""
        return f"steward-{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """The status of a service. `file` is that of its file, `keeper` what the service manager says, `hints` what to do about it.

    `absent`: there is no service manager to ask, as in a container.
    """

    file: str
    keeper: str = ""
    alive: bool = False
    hints: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    absent: bool = False


class ServiceManager(Protocol):
    """What keeps a service running."""

    @property
    def service(self) -> Service:
        """What it keeps running."""

    @property
    def path(self) -> Path:
        """The path of its file."""

    @property
    def text(self) -> str:
        """The text of its file."""

    def install(self) -> tuple[str, ...]:
        """Write the file and start the service; what was done, in words. Raises EngineError with the way out; repeating is harmless."""

    def uninstall(self) -> tuple[str, ...]:
        """Stop the service and remove the file; what was done. Raises EngineError; repeating is harmless."""

    def standing(self) -> ServiceStatus:
        """Its status. Never raises for want of a service manager."""


def service_of(
    workspace: Workspace, env: Mapping[str, str], account: ServiceAccount | None = None
) -> Service:
    """The service of a workspace, with the state this command would use (or `account` would). Raises UsageError for an odd path."""
    base = workspace.state.path.parent.parent if account is None else _state_of(account, env)
    config = Path(env.get("XDG_CONFIG_HOME") or home(env) / ".config") if account is None else Path("/etc")
    service = Service(
        id=workspace.id,
        root=workspace.root,
        state=base / "steward",
        # -P: nothing may be imported from the current folder.
        command=(sys.executable, "-P", "-m", "engine.cli.main", "up", "--wait"),
        env={"PATH": _path(env), "PYTHONUNBUFFERED": "1", "XDG_STATE_HOME": os.fspath(base)},
        secrets_file=config / "steward" / f"{workspace.id}.env",
    )
    _plain(
        service.command[0], never="\"'\\"
    )  # systemd runs no program with these in its path, however they are written
    for word in (
        os.fspath(service.root),
        os.fspath(service.secrets_file),
        *service.command,
        *service.env.values(),
    ):
        _plain(word)
    return service


def home(env: Mapping[str, str]) -> Path:
    """The operator's home. Raises UsageError when HOME is not set."""
    if path := env.get("HOME", ""):
        return Path(path)
    raise UsageError(
        "no home: HOME is not set",
        code="no-home",
        now_true="Nothing was written.",
        way_out="set HOME to an absolute path",
    )


def account(name: str, root: Path) -> ServiceAccount:
    """The account called `name`, or, for an empty name, the one the workspace belongs to. Raises UsageError; root is none."""
    import pwd

    try:
        record = pwd.getpwnam(name) if name else pwd.getpwuid(root.stat().st_uid)
    except KeyError:
        raise UsageError(
            f"there is no account {name}" if name else f"{root} belongs to no account of this machine",
            code="no-account",
            now_true="Nothing was written.",
            way_out="name one that is there: --as NAME",
        ) from None
    if record.pw_uid == 0:
        raise UsageError(
            "a service of the machine runs as an ordinary account, never as root",
            code="as-root",
            now_true="Nothing was written.",
            way_out="give the workspace to the account that shall run it, or name it: --as NAME",
        )
    return ServiceAccount(name=record.pw_name, uid=record.pw_uid, gid=record.pw_gid, home=Path(record.pw_dir))


def write(path: Path, text: str) -> bool:
    """Put a file of ours in its place, in one move; whether anything changed. Raises UsageError when it is not ours, OSError."""
    old_text = read(path)
    if old_text == text:
        return False
    if old_text is not None and MARK not in old_text:
        raise not_ours(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.chmod(0o644)
    part.replace(path)
    return True


def read(path: Path) -> str | None:
    """The text of a file; None when there is none. Raises OSError."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def not_ours(path: Path) -> UsageError:
    """The error for a file that steward did not write."""
    return UsageError(
        f"{path} was not written by steward",
        code="not-ours",
        now_true="It was left as it is; nothing was started or stopped.",
        way_out="move it away, then type the command again (steward service install --print shows what would stand there)",
    )


def failed(message: str, output: str, way_out: str) -> EngineError:
    """The error for a service manager that refused; `output` is what it printed."""
    words = " ".join(output.split())[:300]
    return EngineError(
        f"{message}: {words}" if words else message,
        code="keeper",
        now_true="The ledger and the workspace are untouched.",
        way_out=way_out,
    )


def file_status(path: Path, text: str) -> str:
    """The status of the file against the text that would be written now."""
    old_text = read(path)
    if old_text is None:
        return "none"
    if MARK not in old_text:
        return "not ours"
    return "as it should be" if old_text == text else "older than this steward or workspace"


def too_open(secrets_file: Path) -> str:
    """A hint when others may read the file of secrets; empty when there is none or it is private."""
    try:
        mode = secrets_file.stat().st_mode
    except OSError:
        return ""
    return f"others may read {secrets_file}: chmod 600 {secrets_file}" if mode & 0o077 else ""


def _state_of(account: ServiceAccount, env: Mapping[str, str]) -> Path:
    # What is exported to root's shell (sudo -E) may be the operator's own; without it, the place that account would use.
    exported = env.get("XDG_STATE_HOME", "")
    return Path(exported) if os.path.isabs(exported) else account.home / ".local" / "state"


def _path(env: Mapping[str, str], which: Callable[..., str | None] = shutil.which) -> str:
    """Where the tools are that this command finds, then the usual places: a service gets a short PATH else, without Homebrew's."""
    programs = [which(tool, path=env.get("PATH", os.defpath)) for tool in _TOOLS]
    return os.pathsep.join(
        dict.fromkeys((*(os.path.dirname(program) for program in programs if program), *_PATH))
    )


def _plain(word: str, never: str = "") -> None:
    """Raises UsageError for what no unit file can hold: control characters, names that are no text, an end that joins lines."""
    odd = not word.isprintable() or any(
        "\ud800" <= character <= "\udfff" or character in never for character in word
    )
    if odd or word.endswith("\\") or word != word.strip():
        raise UsageError(
            f"{word!r} can't stand in a service's file",
            code="odd-path",
            now_true="Nothing was written.",
            way_out="rename the folder: no line breaks or control characters, no space or backslash at its end; for Python's no quotes, too",
        )
