"""launchd: a job of the operator's own on macOS."""

import os
import plistlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.app.setup.service.unit import (
    MARK,
    Service,
    ServiceStatus,
    failed,
    file_status,
    home,
    not_ours,
    read,
    write,
)
from engine.model.errors import EngineError, UsageError

SECONDS = 30.0
"""How long launchctl may take to answer."""

_WATCHED_OVER = ("Desktop", "Documents", "Downloads")
_ABSENT = "no launchd answers here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launchd:
    """One service under launchd, for as long as the operator is logged in."""

    service: Service
    env: Mapping[str, str]

    @property
    def path(self) -> Path:
        """The path of the property list."""
        return home(self.env) / "Library" / "LaunchAgents" / f"{self.service.name}.plist"

    @property
    def text(self) -> str:
        """The property list, as XML."""
        xml = plistlib.dumps(_job(self.service, self._log), sort_keys=False).decode()
        # A comment behind the document type: what a property list may say of itself.
        head, mark, body = xml.partition('<plist version="1.0">')
        return f"{head}<!-- {MARK}; typing that again writes it anew. -->\n{mark}{body}"

    def install(self) -> tuple[str, ...]:
        """As the port says."""
        self._reachable()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        changed = write(self.path, self.text)
        previous = self.standing()
        done = [f"{'wrote' if changed else 'unchanged:'} {self.path}"]
        if previous.alive and not changed:
            done.append(f"{self.service.name} runs already")
        else:
            if previous.details.get("loaded"):
                self._ctl("bootout", self._target)
            self._ctl("enable", self._target)
            self._ctl("bootstrap", self._domain, os.fspath(self.path))
            done.append(f"started {self.service.name}; it comes back after a crash and when you log in")
        return (*done, f"what it says: {self._log}", *self._hints())

    def uninstall(self) -> tuple[str, ...]:
        """As the port says."""
        old_text = read(self.path)
        if old_text is None:
            return (f"there is no {self.path}; nothing to remove",)
        if MARK not in old_text:
            raise not_ours(self.path)
        self._reachable()
        if self.standing().details.get("loaded"):
            self._ctl("bootout", self._target)
        self.path.unlink()
        return (
            f"stopped {self.service.name} and removed {self.path}; the workspace and its ledger are as they were",
        )

    def standing(self) -> ServiceStatus:
        """As the port says."""
        file = file_status(self.path, self.text)
        hints = ["steward service install"] if file.startswith("older") else []
        try:
            done = self._run("print", self._target)
        except EngineError:
            return ServiceStatus(file=file, keeper=_ABSENT, hints=tuple(hints), absent=True)
        if done.returncode != 0:
            return ServiceStatus(file=file, keeper="not loaded", hints=tuple(hints))
        pairs = (line.strip().split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
        details = {pair[0]: pair[1] for pair in reversed([*pairs])}  # the first of a name is the job's own
        state = details.get("state", "unknown")
        if state != "running":
            hints.append(
                f"its last exit code: {details.get('last exit code', 'unknown')}; what it said: {self._log}"
            )
        return ServiceStatus(
            file=file,
            keeper=state,
            alive=state == "running",
            hints=(*hints, *self._hints()),
            details={"loaded": "yes", "state": state, "last exit code": details.get("last exit code", "")},
        )

    @property
    def _log(self) -> Path:
        return home(self.env) / "Library" / "Logs" / f"{self.service.name}.log"

    @property
    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{self.service.name}"

    def _hints(self) -> Iterator[str]:
        if any(self.service.root.is_relative_to(home(self.env) / folder) for folder in _WATCHED_OVER):
            yield (
                f"macOS asks before a background job may read {self.service.root.parent}: move the workspace elsewhere, "
                "or allow it under Privacy & Security"
            )

    def _reachable(self) -> None:
        if self._run("print", self._domain).returncode != 0:
            raise UsageError(
                "launchd has no session of yours here",
                code="no-manager",
                now_true="Nothing was written.",
                way_out="log in at the screen once (a shell over ssh alone has none), then type it again",
            )

    def _ctl(self, *words: str) -> None:
        done = self._run(*words)
        if done.returncode != 0:
            raise failed(
                f"launchctl {words[0]} failed", done.stderr or done.stdout, f"launchctl print {self._target}"
            )

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        program = shutil.which("launchctl", path=self.env.get("PATH", os.defpath))
        if program is None:
            raise UsageError(
                "this machine has no launchctl",
                code="no-manager",
                now_true="Nothing was written.",
                way_out="steward service install --print shows the property list",
            )
        try:
            return subprocess.run(
                [program, *words],
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise failed(f"launchctl gave no answer in {SECONDS:g} s", "", "type it again") from None


def _job(service: Service, log: Path) -> dict[str, Any]:
    return {
        "Label": service.name,
        "ProgramArguments": [*service.command],
        "WorkingDirectory": os.fspath(service.root),
        "EnvironmentVariables": dict(service.env),
        "RunAtLoad": True,
        # Again after a failure, never after it was told to end; launchd knows no exit codes that end it for good.
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 120,
        "ProcessType": "Standard",
        "Umask": 0o077,
        "StandardOutPath": os.fspath(log),
        "StandardErrorPath": os.fspath(log),
    }
