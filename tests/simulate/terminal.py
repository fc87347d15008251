"""The command as a person types it: a real process on a real terminal, answered when it asks."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.app.remembering import OFF

ROOT = Path(__file__).parents[2]
STEWARD = (sys.executable, "-m", "engine.cli.main")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MOST_SECONDS = 60


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


def plainly(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], argv: Sequence[str] = STEWARD
) -> Said:
    """Without a terminal, as a script or a program would."""
    done = subprocess.run(
        [*argv, *words],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    return Said(done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace"))


class Typed:
    """A command under way on a terminal of its own."""

    def __init__(
        self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], argv: Sequence[str] = STEWARD
    ) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execve(argv[0], [*argv, *words], dict(env))
            finally:
                os._exit(127)
        self.text, self._read = "", 0
        self._deadline = time.monotonic() + _MOST_SECONDS

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
        status = os.waitpid(self.pid, 0)[1]
        return Said(os.waitstatus_to_exitcode(status), self.text)

    def _more(self) -> bool:
        left = self._deadline - time.monotonic()
        ready, _, _ = select.select([self._fd], [], [], max(left, 0))
        if not ready:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"it never came to an end:\n{self.text}")
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            # The terminal is closed with its last process.
            return False
        self.text += _COLOUR.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
        return bool(data)


def typed(
    words: Sequence[str], answers: Sequence[tuple[str, str]] = (), *, cwd: Path, env: Mapping[str, str]
) -> Said:
    """One command on a terminal; each answer is typed once its question stands there."""
    command = Typed(words, cwd=cwd, env=env)
    for question, answer in answers:
        command.until(question)
        command.type(answer)
    return command.end()
