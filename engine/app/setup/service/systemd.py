"""systemd: a unit in the operator's own manager, or a hardened one of the machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from engine.app.setup.service.unit import (
    MARK,
    Service,
    ServiceAccount,
    ServiceStatus,
    failed,
    file_status,
    home,
    not_ours,
    read,
    too_open,
    write,
)
from engine.model.errors import EngineError, UsageError

SECONDS = 30.0
"""How long systemctl may take to answer."""

SYSTEM = Path("/etc/systemd/system")
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "ExecMainStatus")
_ABSENT = "no systemd answers here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemd:
    """One service under systemd. With `account` it is the machine's and runs as that account, else the operator's own."""

    service: Service
    env: Mapping[str, str]
    account: ServiceAccount | None = None
    folder: Path | None = None

    @property
    def path(self) -> Path:
        """The path of the unit."""
        if self.folder is not None:
            return self.folder / self._unit
        if self.account is not None:
            return SYSTEM / self._unit
        config = self.env.get("XDG_CONFIG_HOME", "")
        base = Path(config) if os.path.isabs(config) else home(self.env) / ".config"
        return base / "systemd" / "user" / self._unit

    @property
    def text(self) -> str:
        """The unit."""
        return _unit(self.service, self.account)

    def install(self) -> tuple[str, ...]:
        """As the port says."""
        self._reachable()
        if self.account is not None:
            _own(self.service.state, self.account, self.env)
        changed = write(self.path, self.text)
        done = [f"{'wrote' if changed else 'unchanged:'} {self.path}"]
        previous = self.standing()
        self._ctl("daemon-reload")
        self._ctl("enable", self._unit)
        if changed or not previous.alive:
            self._ctl("restart", self._unit)
            done.append(f"started {self._unit}; it comes back after a crash and a restart of the machine")
        else:
            done.append(f"{self._unit} runs already")
        return (*done, *self._hints())

    def uninstall(self) -> tuple[str, ...]:
        """As the port says."""
        old_text = read(self.path)
        if old_text is None:
            return (f"there is no {self.path}; nothing to remove",)
        if MARK not in old_text:
            raise not_ours(self.path)
        self._reachable()
        self._ctl("disable", "--now", self._unit)
        self.path.unlink()
        self._ctl("daemon-reload")
        return (
            f"stopped {self._unit} and removed {self.path}; the workspace and its ledger are as they were",
        )

    def standing(self) -> ServiceStatus:
        """As the port says."""
        file = file_status(self.path, self.text)
        hints = ["steward service install"] if file.startswith("older") else []
        asked = ["show", self._unit, *(f"--property={name}" for name in _PROPERTIES)]
        try:
            done = self._run(asked)
        except EngineError:
            return ServiceStatus(file=file, keeper=_ABSENT, hints=tuple(hints), absent=True)
        if done.returncode != 0:
            return ServiceStatus(file=file, keeper=_ABSENT, hints=tuple(hints), absent=True)
        details = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        state = f"{details.get('ActiveState', 'unknown')} ({details.get('SubState', '')}), {details.get('UnitFileState') or 'not enabled'}"
        if details.get("ActiveState") == "failed":
            status = details.get("ExecMainStatus", "")
            hints.append(
                f"it ended with exit code {status}: journalctl {self._scope}-u {self._unit}".replace(
                    "  ", " "
                )
            )
        return ServiceStatus(
            file=file,
            keeper=state,
            alive=details.get("ActiveState") in {"active", "activating", "reloading"},
            hints=(*hints, *(self._hints() if file != "none" else ())),
            details=details,
        )

    @property
    def _unit(self) -> str:
        return f"{self.service.name}.service"

    @property
    def _scope(self) -> str:
        return "" if self.account is not None else "--user "

    def _hints(self) -> Iterator[str]:
        if hint := too_open(self.service.secrets_file):
            yield hint
        if self.account is None and self._lingers() is False:
            yield "it ends when you log out and starts when you log in; to keep it on: loginctl enable-linger"

    def _lingers(self) -> bool | None:
        """Whether the operator's manager outlives the last login; None when loginctl can't say."""
        program = shutil.which("loginctl", path=self.env.get("PATH", os.defpath))
        if program is None:
            return None
        done = _run([program, "show-user", str(os.getuid()), "--property=Linger"], self.env)
        word = done.stdout.strip().removeprefix("Linger=")
        return word == "yes" if done.returncode == 0 and word in {"yes", "no"} else None

    def _reachable(self) -> None:
        """Raises UsageError before anything is written when the manager can't be asked, or not by this user."""
        if self.account is not None and os.geteuid() != 0 and self.folder is None:
            raise UsageError(
                "a service of the machine is installed by root",
                code="needs-root",
                now_true="Nothing was written.",
                way_out="the same command with sudo; or look at it first: steward service install --system --print",
            )
        if self._run(["show-environment"]).returncode != 0:
            raise UsageError(
                "your systemd manager can't be reached from this shell"
                if self.account is None
                else "systemd does not run here",
                code="no-manager",
                now_true="Nothing was written.",
                way_out=_WITHOUT_SESSION if self.account is None else _WITHOUT_SYSTEMD,
            )

    def _ctl(self, *words: str) -> None:
        done = self._run(words)
        if done.returncode != 0:
            raise failed(
                f"systemctl {' '.join(words)} failed",
                done.stderr or done.stdout,
                f"systemctl {self._scope}status {self._unit}".replace("  ", " "),
            )

    def _run(self, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        program = shutil.which("systemctl", path=self.env.get("PATH", os.defpath))
        if program is None:
            raise UsageError(
                "this machine has no systemctl",
                code="no-manager",
                now_true="Nothing was written.",
                way_out=_WITHOUT_SYSTEMD,
            )
        return _run([program, *self._scope.split(), "--no-pager", *words], self.env)


_WITHOUT_SYSTEMD = (
    "start `steward up` with what starts things here, or run it in a container (docs/how-to/run-on-a-server.md); "
    "in WSL: systemd=true under [boot] in /etc/wsl.conf"
)
_WITHOUT_SESSION = (
    "log in as yourself (a shell of su or sudo has no manager of its own); on a server: loginctl enable-linger, then log in again; "
    "or a service of the machine: sudo steward service install --system"
)


def _run(argv: Sequence[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            argv,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise failed(
            f"{os.path.basename(argv[0])} gave no answer in {SECONDS:g} s",
            "",
            "type it again; then: systemctl status",
        ) from None


def _own(state: Path, account: ServiceAccount, env: Mapping[str, str]) -> None:
    """Make the state's folder, as the account itself: root must not follow a link in another user's home. Raises EngineError."""
    as_it: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_it = {"user": account.uid, "group": account.gid, "extra_groups": ()}
    argv = ["mkdir", "-p", "--", os.fspath(state)]
    done = subprocess.run(
        argv,
        env=dict(env),
        cwd=os.sep,
        umask=0o077,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **as_it,
    )
    if done.returncode != 0:
        raise failed(
            f"{account.name} can't make its place for state",
            done.stderr,
            f"give {account.name} a home of its own, or set XDG_STATE_HOME to a place it may write to (sudo -E)",
        )


def whole(text: str) -> str:
    """Text that is the rest of a line in a unit."""
    return text.replace("%", "%%")


def word(text: str) -> str:
    """Text that is one word among several in a unit."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{whole(escaped)}"'


def _unit(service: Service, account: ServiceAccount | None) -> str:
    """The unit. It never gives up (StartLimitIntervalSec=0): silence is the worst end a service can have.

    The machine's is kept from all that an always-on engine never needs; namespaces stay: agents run in rooms made of them.
    """
    root, places = (
        os.fspath(service.root),
        f"{word(os.fspath(service.root))} {word(os.fspath(service.state))}",
    )
    needs = f"Wants=network-online.target\nAfter=network-online.target\nRequiresMountsFor={places}\n"
    homes = "read-only" if _lies_at_home(service) else "yes"
    return _filled(
        "unit.service",
        mark=MARK,
        name=service.name,
        edit="systemctl --user edit" if account is None else "sudo systemctl edit",
        root=whole(root),
        before=needs if account is not None else "",
        account=f"User={account.name}\n" if account is not None else "",
        # The unit puts a colon before it, so that systemd expands no dollar sign in a path.
        command=" ".join([word(service.command[0]), *service.command[1:]]),
        environment="\n".join(
            f"Environment={word(f'{name}={value}')}" for name, value in service.env.items()
        ),
        secrets=whole(os.fspath(service.secrets_file)),
        hardening="" if account is None else "\n" + _filled("hardening.conf", places=places, homes=homes),
        target="default" if account is None else "multi-user",
    )


def _filled(template: str, **values: str) -> str:
    """A template beside this file with its blanks filled in."""
    return Template(Path(__file__).with_name(template).read_text(encoding="utf-8")).substitute(values)


_HOMES = tuple(os.path.join(os.sep, *folder) for folder in (("home",), ("root",), ("run", "user")))
"""What systemd's ProtectHome covers."""


def _lies_at_home(service: Service) -> bool:
    """Whether the environment, the Python it was made from, or this code is in a user's home."""
    python = service.command[0]
    needed = (service.root, service.state, python, os.path.realpath(python), os.path.realpath(__file__))
    return any(Path(path).is_relative_to(home) for path in needed for home in _HOMES)
