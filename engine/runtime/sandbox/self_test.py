"""The program that tries, from inside a room, what must not work. A level counts only after it came back empty-handed."""

import os
import socket
import sys
from collections.abc import Callable

from engine.model.values.canonical_json import Json


def main(arguments: dict[str, str], ask: Callable[[Json], Json]) -> list[str]:  # noqa: ARG001 what every program is given
    """What could be done; empty in a good room. `given["marker"]` is a file of the engine's that any program outside could read."""
    tries: dict[str, Callable[[], object]] = {
        "opened a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "opened a unix socket": lambda: socket.socket(socket.AF_UNIX),
        "read a file of the engine": lambda: _read(arguments["marker"]),
        # The engine's own file may be in a folder that the program's user can't enter; this one is readable everywhere.
        "read a file of the system": lambda: _read("/etc/passwd"),
        "wrote a file": lambda: _write(arguments["marker"] + ".new"),
        "wrote to /tmp": lambda: _write(os.path.join(os.sep, "tmp", "steward-room")),
        "ran a program": _run,
    }
    done = [action for action, attempt in tries.items() if _works(attempt)]
    if os.getuid() == 0 or os.geteuid() == 0:
        done.append("was root")
    if set(os.environ) - {"LC_CTYPE"}:
        done.append("saw an environment")
    return done


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _run() -> None:
    # Should it work, this process is gone and reports nothing, which counts against the room, too.
    os.execv(sys.executable, [sys.executable, "-c", ""])  # noqa: S606


def _write(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x")


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True
