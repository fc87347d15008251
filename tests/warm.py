"""The `steward` command as a process of its own, without its start: forked from a process that has loaded the engine.

What a command costs is nearly all start-up; here it is paid once. Working folder, environment, standard streams and terminal are the
command's own, and so are its death and its exit code. What the start itself is about (the installed script, encodings, imports) is tested
with a real one: `COLD`.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import random
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NoReturn, Self

import engine

ROOT: Final = Path(__file__).parents[1]
COLD: Final = (sys.executable, "-m", "engine.cli.main")
"""The same command from its very start."""
STEWARD: Final = "engine.cli.main:main"

UNLOADED: Final = "STEWARD_TEST_UNLOADED"
"""Set where a command or two is all that is asked for: then nothing is loaded beforehand, which would cost more."""

_HEAVY = ("txtai", "tokenizers", "dspy", "marimo")


class _Server:
    """The process that is forked from, as long as this one lives."""

    _only: Self | None = None

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="warm-")
        self._address = os.path.join(self._folder, "s")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._address)
        listening.listen(64)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(listening.fileno())],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=[listening.fileno()],
        )
        listening.close()
        atexit.register(self.close)

    @classmethod
    def only(cls) -> Self:
        if cls._only is None or cls._only._process.poll() is not None:
            cls._only = cls()
        return cls._only

    def link(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.connect(self._address)
        return link

    def close(self) -> None:
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


class Command:
    """A command under way. `fds` are its three standard streams; with `terminal` the first is the terminal that it is in charge of.

    `program` is another function that takes a command's words and gives its exit code.
    """

    spent = 0.0
    """CPU seconds of all that ended, which are nobody's child here."""

    def __init__(
        self, words: Sequence[str], fds: Sequence[int], *, cwd: Path, env: Mapping[str, str], terminal: bool = False,
        program: str = STEWARD,
    ) -> None:  # fmt: skip
        self._link = _Server.only().link()
        asked = {
            "program": program,
            "words": list(words),
            "cwd": os.fspath(cwd),
            "env": dict(env),
            "terminal": terminal,
        }
        socket.send_fds(self._link, [b"\n"], list(fds))
        self._link.sendall(json.dumps(asked).encode() + b"\n")
        self._said = self._link.makefile("r", encoding="utf-8")
        self.pid = int(self._said.readline())

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or less than zero for a signal. Raises TimeoutError when it takes longer."""
        self._link.settimeout(timeout)
        code, cpu = json.loads(self._said.readline())
        Command.spent += cpu
        self._said.close()
        self._link.close()
        return int(code)


def _take_over(terminal: int) -> None:
    """Be in charge of the terminal that is open as `terminal`."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 120, program: str = STEWARD
) -> subprocess.CompletedProcess[str]:
    """A command to its end, without a terminal, as a script would. Raises TimeoutError past `timeout` seconds, when it was killed."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        open(os.devnull, "rb") as nothing,
    ):
        command = Command(
            words, [nothing.fileno(), out.fileno(), err.fileno()], cwd=cwd, env=env, program=program
        )
        try:
            code = command.wait(timeout)
        except TimeoutError:
            os.kill(command.pid, signal.SIGKILL)
            raise
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace").replace("\r\n", "\n"))
    return subprocess.CompletedProcess(list(words), code, *texts)


# ---------------------------------------------------------------- the server's side


def _load() -> None:
    """Everything a command may load, but for what brings threads of its own."""
    importlib.import_module("tests.campaigns.jobs").warm()
    for module in pkgutil.walk_packages(engine.__path__, "engine."):
        # Without a library of the heavy half, or on another system, some can't be loaded; no command that is tried here loads them.
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)
    # A first company is played through, so that what is loaded or compiled on the way is there, too.
    scenario = importlib.import_module("engine.testing.scenario")
    with tempfile.TemporaryDirectory() as folder:
        scenario.Scenario.make(Path(folder) / "first").run()
    loaded = [name for name in _HEAVY if name in sys.modules]
    assert not loaded, f"{loaded} must not be loaded in a process that is forked"


def _standard(fd: int, mode: str) -> IO[str]:
    raw = open(fd, mode + "b", closefd=False)  # noqa: SIM115 - it is open as long as the process
    errors = "backslashreplace" if fd == 2 else "strict"
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=fd == 2 or os.isatty(fd))


def _become(asked: Mapping[str, Any], fds: Sequence[int]) -> int:
    """In the child: be the command; its exit code."""
    if asked["terminal"]:
        _take_over(fds[0])
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    os.closerange(3, 256)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    random.seed()
    tempfile.tempdir = None
    sys.stdin, sys.stdout, sys.stderr = (_standard(0, "r"), _standard(1, "w"), _standard(2, "w"))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc,assignment]
    module, _, function = str(asked["program"]).partition(":")
    program = importlib.import_module(module)
    sys.argv = [str(program.__file__), *asked["words"]]
    try:
        code = getattr(program, function)(sys.argv[1:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    return int(code)


def _end(code: int) -> NoReturn:
    """As the interpreter ends, but for taking the modules apart."""
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _asked(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    _, fds, _, _ = socket.recv_fds(link, 1, 3)
    with link.makefile("r", encoding="utf-8") as said:
        return json.loads(said.readline()), fds


def main(listening: socket.socket) -> NoReturn:
    """Fork for whoever asks, tell them how it ended, and end with the one that started this."""
    if UNLOADED not in os.environ:
        _load()
    gc.collect()
    gc.freeze()
    woken, wakes = socket.socketpair()
    woken.setblocking(False)
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno())
    selector = selectors.DefaultSelector()
    for one in (listening, woken, sys.stdin):
        selector.register(one, selectors.EVENT_READ)
    links: dict[int, socket.socket] = {}
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        if sys.stdin in ready:
            # Without the interpreter's own end, at which libraries complain of each other.
            os._exit(0)
        if listening in ready:
            link, _ = listening.accept()
            asked, fds = _asked(link)
            pid = os.fork()
            if pid == 0:
                atexit._clear()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _end(_become(asked, fds))
            for fd in fds:
                os.close(fd)
            links[pid] = link
            link.sendall(f"{pid}\n".encode())
        if woken in ready:
            woken.recv(4096)
        while links:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            with contextlib.suppress(OSError), links.pop(pid) as link:
                ended = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime]
                link.sendall(json.dumps(ended).encode() + b"\n")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
