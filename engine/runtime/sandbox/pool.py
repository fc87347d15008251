"""Port Room: the highest level this machine has, found by trying, and a warm zygote for each program."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from engine.model.errors import EngineError, PermanentError
from engine.model.ports import Limits
from engine.model.values.canonical_json import Json
from engine.runtime.sandbox.session import SandboxSession
from engine.runtime.sandbox.zygote import Gone, Zygote

NAMES = {3: "bubblewrap", 2: "kernel rules", 1: "separate process", 0: "no room"}
_PROOF = "engine.runtime.sandbox.self_test"
_BRIEF = Limits(seconds=10.0, cpu=5, memory=1_000_000_000, output=10_000, processes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelResult:
    """What trying a level showed: `why` it doesn't count, empty when it does."""

    level: int
    why: str


class SandboxPool:
    """`programs` are our own programs, name → module; `code` are further folders they are imported from.

    `most` is the highest level to use. Safe to use from several threads. Close it: its zygotes are processes.
    """

    def __init__(
        self,
        programs: Mapping[str, str],
        *,
        code: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
        max_level: int = 3,
    ) -> None:
        self._programs, self._code, self._max_level = dict(programs), tuple(code), max_level
        self._env = dict(os.environ) if env is None else dict(env)
        self._found: tuple[LevelResult, ...] | None = None
        self._zygotes: dict[str, Zygote] = {}
        self._lock = threading.RLock()

    @property
    def level(self) -> int:
        """The level in use: 1 to 3, 0 without any sandbox."""
        return next((result.level for result in self.report() if not result.why), 0)

    def report(self) -> tuple[LevelResult, ...]:
        """Each level tried, from the highest down to the first that counts. Tried once; takes a moment the first time."""
        with self._lock:
            if self._found is None:
                self._found = tuple(self._tried())
            return self._found

    def _tried(self) -> Iterable[LevelResult]:
        if os.name != "posix":
            yield LevelResult(level=1, why="this system has no fork")
            return
        for level in range(self._max_level, 0, -1):
            tried = LevelResult(level=level, why=self._prove(level))
            yield tried
            if not tried.why:
                return

    def _prove(self, level: int) -> str:
        """Why `level` doesn't count; empty when a program inside it could do none of what it must not."""
        with tempfile.NamedTemporaryFile() as marker:
            marker.write(b"x")
            marker.flush()
            os.chmod(marker.name, 0o644)
            try:
                zygote = Zygote(level, program=_PROOF, code=self._code, env=self._env)
            except OSError as error:
                return str(error)
            try:
                arguments: Json = {"marker": marker.name}
                done = zygote.begin(_BRIEF).talk(arguments, _nothing, zygote.close)
            except (EngineError, Gone) as error:
                return str(error)
            finally:
                zygote.close()
        return ", ".join(str(escape) for escape in done) if isinstance(done, list) else "it said nonsense"

    def run(
        self, program: str, arguments: Json, *, serve: Callable[[Json], Json], limits: Limits, needs: int
    ) -> Json:
        """As the port says. What `serve` raises ends the child and goes on to the caller."""
        if self.level < needs:
            raise self._no_room(needs)
        try:
            zygote, attempt = self._begin(program, limits)
        except OSError as error:
            raise PermanentError(
                f"the room did not open: {error}", code="room-failed", now_true="Nothing was begun."
            ) from error
        return attempt.talk(arguments, serve, zygote.close)

    def _begin(self, program: str, limits: Limits) -> tuple[Zygote, SandboxSession]:
        """Fork an attempt, from a new zygote when the one there was is gone."""
        zygote = self._zygote(program)
        try:
            return zygote, zygote.begin(limits)
        except Gone:
            zygote.close()
            zygote = self._zygote(program)
            return zygote, zygote.begin(limits)

    def _zygote(self, program: str) -> Zygote:
        with self._lock:
            zygote = self._zygotes.get(program)
            if zygote is None or not zygote.alive:
                if zygote is not None:
                    zygote.close()
                zygote = Zygote(self.level, program=self._programs[program], code=self._code, env=self._env)
                self._zygotes[program] = zygote
            return zygote

    def _no_room(self, needs: int) -> PermanentError:
        missing = "; ".join(
            f"level {result.level} ({NAMES[result.level]}): {result.why}"
            for result in self.report()
            if result.why
        )
        return PermanentError(
            f"this step needs a room of level {needs}, this machine has level {self.level}: {missing}",
            code="no-room",
            now_true="Nothing was run.",
            way_out="install bubblewrap (apt install bubblewrap), then run again; or answer this step by hand",
        )

    def close(self) -> None:
        """End every zygote."""
        with self._lock:
            for running in self._zygotes.values():
                running.close()
            self._zygotes.clear()


def _nothing(_: Json) -> Json:
    return None
