"""The memory process as everybody else sees it: found or started, asked one line, answered one line.

Importing this costs nothing of the search engine: that lives in the other process. What can't be answered at once is a
TransientError (`memory-warming`); what never will be is a PermanentError (`no-memory`), and both say what still works.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engine import __version__
from engine.memory import protocol
from engine.memory.model import Model, find
from engine.model.definitions.settings import MemoryConfig
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.values.canonical_json import Json, encode

MAX_STARTS = 5
_AGAIN = 600.0
_LOOK = 0.05
_ON_ITS_WAY = 3.0
_SOON = 5.0
_MAX_LOG = 100_000
# The process that is started ends at once and leaves a session of its own behind: no zombie, no tie to who started it.
_DETACH = "import os, sys\nif os.fork(): os._exit(0)\nos.setsid()\nos.execv(sys.executable, [sys.executable, '-I', '-c', *sys.argv[1:]])"
_ENTER = "import runpy, sys\nsys.path.insert(0, sys.argv[1])\nsys.argv[1:2] = []\nrunpy.run_module(sys.argv[1], run_name='__main__')"
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
_QUIET = {
    # One core a text; several texts are computed side by side.
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLocation:
    """One workspace's memory: its repository, its state folder, the module that serves it, and how long that stays idle.

    `memory` bounds the process's address space in bytes.
    """

    root: Path
    state: Path
    config: MemoryConfig
    entry: str
    idle: float = 600.0
    memory: int = 2_000_000_000

    @property
    def folder(self) -> Path:
        """Where the process keeps what can be made again."""
        return self.state / "memory"


class MemoryClient:
    """Port Encoder, and recall. Safe to use from several threads; each request is a connection of its own.

    `now` is the time in seconds, by which repeated failures to start are forgotten. `patience` is how long `encode` waits for a
    process that is warming up before it says so.
    """

    def __init__(self, place: MemoryLocation, *, now: Callable[[], float], patience: float = 0.0) -> None:
        self.place = place
        self._now, self._patience = now, patience
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._started = -_ON_ITS_WAY

    @property
    def version(self) -> str:
        """Names the model's bytes. Raises PermanentError(code='no-memory') when there is none."""
        with self._lock:
            if self._model is None:
                self._model = find(self.place.config)
            return self._model.version

    def encode(self, texts: Sequence[str], *, keep: bool = False) -> tuple[bytes, ...]:
        """One unit vector a text, as little-endian float32. With `keep` they outlive the process: for texts that are in git.

        Raises TransientError(code='memory-warming'), PermanentError(code='no-memory').
        """
        encoded: list[bytes] = []
        for start in range(0, len(texts), protocol.MAX_TEXTS):
            part = list(texts[start : start + protocol.MAX_TEXTS])
            answer = self._patient("encode", texts=part, keep=keep)
            vectors = protocol.unpacked(answer["vectors"])
            if len(vectors) != len(part):
                raise _nonsense()
            encoded += vectors
        return tuple(encoded)

    def recall(self, query: str, *, kind: str, limit: int, commit: str) -> list[dict[str, Json]]:
        """Passages of the notes of `commit`, best first. Raises as `encode` does."""
        # Words are found at once; meanings are not worth a long wait.
        answer = self._ask("recall", seconds=_SOON, query=query, kind=kind, limit=limit, commit=commit)
        return list(answer["notes"])

    def sync(self, commit: str, *, seconds: float = 0.0) -> dict[str, Json]:
        """Bring the index to `commit`, waiting for it up to `seconds`; what it came to. Raises as `encode` does."""
        return self._patient("sync", patience=seconds, commit=commit)

    def rebuild(self, commit: str, *, seconds: float) -> dict[str, Json]:
        """Throw the index away and make it again; vectors of texts that are still there are not computed again."""
        return self._patient("rebuild", patience=seconds, commit=commit)

    def check(self, commit: str, *, seconds: float) -> dict[str, Json]:
        """Compare the index with one made afresh."""
        return self._patient("check", patience=seconds, commit=commit)

    def status(self) -> dict[str, Json]:
        """The state of the process, without starting it: `state` is absent, warming, ready or failed."""
        try:
            return self._ask("status", start=False, seconds=_SOON)
        except EngineError as problem:
            return {"state": "absent", "because": problem.message}

    def wake(self) -> None:
        """Start the process when there is none. Returns before it can answer. Raises PermanentError(code='no-memory')."""
        try:
            self._ask("status", seconds=_SOON)
        except TransientError:
            return

    def quit(self) -> None:
        """Let the process end; nothing happens when there is none."""
        try:
            self._ask("quit", start=False)
        except EngineError:
            return

    def _patient(self, op: str, *, patience: float | None = None, **fields: Json) -> dict[str, Json]:
        until = time.monotonic() + (self._patience if patience is None else patience)
        while True:
            try:
                return self._ask(op, seconds=max(60.0, until - time.monotonic()), **fields)
            except TransientError:
                if time.monotonic() >= until:
                    raise
            time.sleep(_LOOK)

    def _ask(self, op: str, *, start: bool = True, seconds: float = 60.0, **fields: Json) -> dict[str, Json]:
        if not protocol.supported():
            raise _absent("this system has no sockets for it", "nothing: recall by words works")
        hello = {"protocol": protocol.PROTOCOL, "engine": __version__, "model": self.version}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(seconds)
            try:
                link.connect(os.fspath(protocol.address(self.place.state)))
                protocol.send(link, {**hello, "op": op, **fields}, max_bytes=protocol.MAX_REQUEST)
                answer = protocol.receive(link, max_bytes=protocol.MAX_ANSWER)
            except (FileNotFoundError, ConnectionRefusedError):
                answer = None
            except TimeoutError as error:
                raise _warming("it is busy") from error
            except OSError:
                answer = None
        if answer is not None:
            return protocol.checked(answer)
        if not start:
            raise _warming("it is not running")
        self._start()
        raise _warming("it was started a moment ago")

    def _start(self) -> None:
        with self._lock:
            if time.monotonic() - self._started < _ON_ITS_WAY:
                return
            import subprocess  # 8 ms that a running process spares us

            folder = self.place.folder
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._may_start(folder / "starts")
            self._started = time.monotonic()
            log = folder / "log"
            size = log.stat().st_size if log.is_file() else 0
            mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if size > _MAX_LOG else os.O_APPEND)
            log_fd = os.open(log, mode, 0o600)
            env = {name: value for name in _KEPT if (value := os.environ.get(name))} | _QUIET
            engine = os.fspath(Path(__file__).resolve().parents[2])
            argv = [sys.executable, "-I", "-c", _DETACH, _ENTER, engine, self.place.entry, self._settings()]
            try:
                subprocess.run(
                    argv, stdin=subprocess.DEVNULL, stdout=log_fd, stderr=log_fd, env=env | {"HOME": os.fspath(folder)}, cwd=folder,
                    timeout=60, check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                raise _absent(f"it can't be started: {error}", "type the command again") from error
            finally:
                os.close(log_fd)

    def _may_start(self, tried: Path) -> None:
        """A process that dies before it was of any use is not started for ever. It takes the count away when it was."""
        if tried.is_file() and self._now() - tried.stat().st_mtime > _AGAIN:
            tried.unlink(missing_ok=True)
        with tried.open("ab") as file:
            if file.tell() >= MAX_STARTS:
                raise _absent(
                    f"it ended {file.tell()} times before it was ready ({self.place.folder / 'log'} says why)",
                    "steward rebuild, or wait ten minutes",
                )
            file.write(b".")

    def forgive(self) -> None:
        """Forget that starting failed."""
        (self.place.folder / "starts").unlink(missing_ok=True)

    def _settings(self) -> str:
        place = self.place
        return encode({
            "root": os.fspath(place.root), "state": os.fspath(place.state), "config": asdict(place.config), "idle": place.idle,
            "memory": place.memory,
        }).decode()  # fmt: skip


def _warming(why: str) -> TransientError:
    return TransientError(
        f"the memory process can't answer yet: {why}",
        code="memory-warming",
        now_true="Recall finds words only until then, and says so.",
        way_out="wait a little",
    )


def _absent(why: str, way_out: str) -> PermanentError:
    return PermanentError(
        f"the memory process is not there: {why}",
        code="no-memory",
        now_true="Recall finds words only, and says so.",
        way_out=way_out,
    )


def _nonsense() -> PermanentError:
    return PermanentError("the memory process answered nonsense", code="no-memory", way_out="steward rebuild")
