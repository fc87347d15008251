"""One attempt, seen from the engine: two pipes, a word from its keeper, a deadline. Everything that comes from the child is bounded."""

import json
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.ports import Limits
from engine.model.values.canonical_json import Json
from engine.runtime.sandbox import protocol

AFTER = 1.5
"""Seconds a keeper has to report that everything is dead, before the whole room is ended instead."""


_LIMITS = {"memory": "needed more memory than it may have", "output": "had too much to say"}


class _Died(Exception):
    """The child's pipe ended."""


class _Late(Exception):
    """The time is over."""


@dataclass(slots=True)
class SandboxSession:
    """`down` and `up` are pipes to and from the child; `word` is the keeper's socket: hanging up ends the child."""

    down: int
    up: int
    word: socket.socket
    limits: Limits
    deadline: float
    read: int = 0
    used: float = 0.0

    def talk(self, arguments: Json, serve: Callable[[Json], Json], lost: Callable[[], None]) -> Json:
        """Give the child its input, answer what it asks, return what it says last. `lost` ends the room when its keeper is silent."""
        reply: object = None
        trouble: Exception | None = None
        try:
            reply = self._exchange(arguments, serve)
        except (_Died, _Late, protocol.Broken) as error:
            trouble = error
        finally:
            report = self._end(lost)
        if isinstance(trouble, protocol.Broken):
            over = self.read > self.limits.output
            raise _limit("wrote too much") if over else _failed(f"wrote nonsense ({trouble})")
        if trouble is None:
            if isinstance(reply, dict) and set(reply) == {"done"}:
                result: Json = reply["done"]
                return result
            raise _error_of(reply)
        raise self._why(report, late=isinstance(trouble, _Late))

    def _exchange(self, arguments: Json, serve: Callable[[Json], Json]) -> Json:
        self._send(arguments)
        while True:
            frame = self._receive()
            if not (isinstance(frame, dict) and set(frame) == {"ask"}):
                return frame
            self._send(serve(frame["ask"]))

    def _send(self, value: Json) -> None:
        try:
            left = memoryview(protocol.pack(value, max_bytes=protocol.MAX_DOWN))
        except protocol.Broken as error:
            raise _limit(f"was to be given too much ({error})") from error
        while left:
            self._wait(self.down, select.POLLOUT)
            try:
                left = left[os.write(self.down, left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise _Died from error

    def _receive(self) -> Json:
        length = int.from_bytes(self._exactly(protocol.HEAD), "big")
        self.read += length
        if self.read > self.limits.output:
            raise protocol.Broken("too much")
        return protocol.parse(self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            self._wait(self.up, select.POLLIN)
            try:
                part = os.read(self.up, min(count, 1 << 16))
            except BlockingIOError:
                continue
            if not part:
                raise _Died
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _wait(self, fd: int, event: int) -> None:
        watched = select.poll()
        watched.register(fd, event)
        left = self.deadline - time.monotonic()
        if left <= 0 or not watched.poll(left * 1000):
            raise _Late

    def _end(self, lost: Callable[[], None]) -> dict[str, Any]:
        """Hang up, so that the keeper kills; then its report. A keeper that says nothing costs the whole room its life."""
        os.close(self.down)
        os.close(self.up)
        try:
            self.word.shutdown(socket.SHUT_WR)
            self.word.settimeout(AFTER)
            report = json.loads(self.word.recv(4096) or b"{}")
        except (OSError, ValueError):
            report = {}
        finally:
            self.word.close()
        if not report:
            lost()
            return {}
        self.used = float(report.get("cpu", 0.0))
        return dict(report)

    def _why(self, report: dict[str, Any], *, late: bool) -> EngineError:
        if late or report.get("over"):
            return TransientError(
                f"it was not done after {self.limits.seconds:g} seconds and was ended",
                code="timeout",
                now_true="Nothing of it is left running, and nothing it said is used.",
            )
        if self.used >= self.limits.cpu:
            return _limit(f"used its {self.limits.cpu} seconds of computing")
        return _failed(f"died without an answer (signal {report.get('signal', 0)})")


def _error_of(reply: object) -> EngineError:
    words = str(reply.get("failed", "")) if isinstance(reply, dict) else ""
    if words in _LIMITS:
        return _limit(_LIMITS[words])
    return _failed(" ".join(words.split())[:200] or "wrote nonsense")


def _limit(complaint: str) -> PermanentError:
    return PermanentError(
        f"the program in the room {complaint}",
        code="room-limit",
        now_true="It was ended; nothing it said is used.",
    )


def _failed(complaint: str) -> PermanentError:
    return PermanentError(
        f"the program in the room failed: {complaint}",
        code="room-failed",
        now_true="Nothing it said is used.",
    )
