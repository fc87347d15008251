"""The command as a person types it: a process of its own (`tests.warm`) on a real terminal, answered when it asks."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.app.adapters.memory_process import OFF
from tests import warm

ROOT = Path(__file__).parents[2]
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MAX_SECONDS = 60


@dataclass(frozen=True)
class Said:
    """How a command ended and everything it put on the screen."""

    code: int
    text: str


def environment(state: Mapping[str, str], **more: str) -> dict[str, str]:
    """A small environment in which this checkout's engine is found, and no memory process is started."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.fspath(ROOT),
        "TERM": "xterm",
        # Wide enough that no sentence a test looks for is folded.
        "COLUMNS": "400",
        "NO_COLOR": "1",
        OFF: "off",
        **state,
        **more,
    }


def plainly(words: Sequence[str], *, cwd: Path, env: Mapping[str, str], program: str = warm.STEWARD) -> Said:
    """Without a terminal, as a script or a program would."""
    done = warm.run(words, cwd=cwd, env=env, timeout=_MAX_SECONDS, program=program)
    return Said(done.returncode, done.stdout + done.stderr)


def coldly(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Said:
    """Another program, or the command from its very start, without a terminal."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_MAX_SECONDS,
    )
    return Said(done.returncode, done.stdout + done.stderr)


class Typed:
    """A command under way on a terminal of its own."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        program: str = warm.STEWARD,
    ) -> None:
        self._fd, its = pty.openpty()
        try:
            self._command = warm.Command(
                words, [its, its, its], cwd=cwd, env=env, terminal=True, program=program
            )
        finally:
            os.close(its)
        self.pid = self._command.pid
        self.text, self._read = "", 0
        self._deadline = time.monotonic() + _MAX_SECONDS

    def until(self, what: str) -> None:
        """Read on until it says `what`."""
        while what not in self.text[self._read :]:
            if not self._more():
                raise AssertionError(f"it ended without saying {what!r}:\n{self.text}")
        self._read = self.text.index(what, self._read) + len(what)

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._fd, line.encode() + b"\n")

    def end(self) -> Said:
        """Read to its end."""
        while self._more():
            pass
        os.close(self._fd)
        return Said(self._command.wait(), self.text)

    def _more(self) -> bool:
        left = self._deadline - time.monotonic()
        ready, _, _ = select.select([self._fd], [], [], max(left, 0))
        if not ready:
            os.kill(self._command.pid, signal.SIGKILL)
            raise AssertionError(f"it never came to an end:\n{self.text}")
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            # The terminal is closed with its last process.
            return False
        self.text += _COLOUR.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
        return bool(data)


def typed(
    words: Sequence[str], answers: Sequence[tuple[str, str]] = (), *, cwd: Path, env: Mapping[str, str],
    program: str = warm.STEWARD,
) -> Said:  # fmt: skip
    """One command on a terminal; each answer is typed once its question stands there."""
    command = Typed(words, cwd=cwd, env=env, program=program)
    for question, answer in answers:
        command.until(question)
        command.type(answer)
    return command.end()
