"""A running zygote, seen from the engine: started once, asked to fork, ended with everything in it."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping

from engine.model.ports import Limits
from engine.runtime.sandbox.launch import start
from engine.runtime.sandbox.session import SandboxSession

READY = 60.0
"""Seconds a zygote has to import its libraries."""


class Gone(OSError):
    """The zygote does not answer."""


class Zygote:
    """One process of one program at one level. Raises OSError with the room's own words when it can't be started."""

    def __init__(self, level: int, *, program: str, code: Iterable[str], env: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._lock = threading.Lock()
        try:
            command = start(level, program=program, code=code, control=theirs.fileno(), env=env).command
            self._process = _run(command, theirs.fileno())
        except OSError:
            self._control.close()
            raise
        finally:
            theirs.close()
        try:
            self._control.settimeout(READY)
            greeting = json.loads(self._control.recv(4096) or b"{}")
        except (OSError, ValueError) as error:
            self.close()
            raise Gone(f"it did not start: {error}") from error
        if "ready" not in greeting:
            self._process.kill()
            words = str(greeting.get("failed", "")) or _last_words(self._process)
            self.close()
            raise OSError(words.strip().rpartition("\n")[2] or "it ended while it started")

    def begin(self, limits: Limits) -> SandboxSession:
        """Fork an attempt. Raises Gone."""
        down_read, down = os.pipe()
        up, up_write = os.pipe()
        word, theirs = socket.socketpair()
        request = {
            "seconds": limits.seconds, "cpu": limits.cpu, "memory": limits.memory, "output": limits.output,
            "processes": limits.processes,
        }  # fmt: skip
        try:
            with self._lock:
                socket.send_fds(
                    self._control, [json.dumps(request).encode()], [down_read, up_write, theirs.fileno()]
                )
                answer = self._control.recv(1)
            if answer != b"y":
                raise Gone("it could not fork")
        except OSError as error:
            os.close(down)
            os.close(up)
            word.close()
            raise Gone(str(error)) from error
        finally:
            os.close(down_read)
            os.close(up_write)
            theirs.close()
        os.set_blocking(down, False)
        os.set_blocking(up, False)
        # The keeper's clock strikes first, so that the killer reports the reason.
        deadline = time.monotonic() + limits.seconds + 0.25
        return SandboxSession(down=down, up=up, word=word, limits=limits, deadline=deadline)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it and everything in it. Harmless when it is over."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    words = process.stderr.read(2000) if process.stderr is not None else b""
    return words.decode("utf-8", "replace")


def _run(command: tuple[str, ...], control: int) -> "subprocess.Popen[bytes]":
    """Start it from a thread that stays until it ends: a process that dies with its parent dies with the thread that made it."""
    started: list[subprocess.Popen[bytes] | OSError] = []
    there = threading.Event()

    def hold() -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={},
                pass_fds=(control,),
                start_new_session=True,
                cwd=os.sep,
            )
        except OSError as error:
            started.append(error)
            there.set()
            return
        started.append(process)
        there.set()
        process.wait()

    threading.Thread(target=hold, name="steward-room", daemon=True).start()
    there.wait()
    if isinstance(started[0], OSError):
        raise started[0]
    return started[0]
