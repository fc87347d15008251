"""How the memory process is spoken to: one JSON line each way over a socket only its user can reach.

A request names the protocol, the engine's version and the model's; who differs in one of them is told so and is not
answered. Vectors travel as base64 of little-endian float32.
"""

import base64
import hashlib
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.values.canonical_json import Json, decode, encode

PROTOCOL = 1
MAX_REQUEST = 2_000_000
MAX_ANSWER = 8_000_000
MAX_TEXTS = 64
"""Texts in one `encode`; a longer list is several requests."""

_LONGEST_SOCKET_PATH = 100


def supported() -> bool:
    """Whether this system has sockets in the file system and processes that fork."""
    return sys.platform != "win32" and hasattr(socket, "AF_UNIX") and hasattr(os, "fork")


def address(state: Path) -> Path:
    """The socket of the workspace whose state is in `state`. Paths of sockets are short by a limit of the system.

    Raises PermanentError(code='no-memory') when the folder for long ones belongs to another user.
    """
    near = state / "memory.sock"
    if len(os.fsencode(near)) <= _LONGEST_SOCKET_PATH:
        return near
    folder = Path(tempfile.gettempdir()) / f"steward-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermanentError(
            f"{folder} is not a folder of yours alone",
            code="no-memory",
            now_true="Recall finds words only, and says so.",
            way_out=f"remove {folder}",
        )
    return folder / f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:24]}.sock"


def send(link: socket.socket, message: Json, *, max_bytes: int) -> None:
    """One line. Raises PermanentError when it is longer than `max_bytes`."""
    line = encode(message) + b"\n"
    if len(line) > max_bytes:
        raise PermanentError(f"a message of {len(line)} bytes is too long", code="too-large")
    link.sendall(line)


def receive(link: socket.socket, *, max_bytes: int) -> Json:
    """The other side's line; None when it closed first. Raises PermanentError when it is too long or no JSON object."""
    pieces: list[bytes] = []
    size = 0
    while not pieces or not pieces[-1].endswith(b"\n"):
        piece = link.recv(65_536)
        if not piece:
            return None
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            raise PermanentError("a message is too long", code="too-large")
    try:
        message = decode(b"".join(pieces))
    except (ValueError, RecursionError) as error:
        raise PermanentError("a message is no JSON", code="not-json") from error
    if not isinstance(message, dict):
        raise PermanentError("a message is no JSON object", code="not-json")
    return message


def refusal(problem: EngineError) -> dict[str, Json]:
    """An error as an answer."""
    return {
        "error": {
            "message": problem.message, "code": problem.code, "now_true": problem.now_true, "way_out": problem.way_out,
            "transient": isinstance(problem, TransientError),
        }
    }  # fmt: skip


def checked(answer: dict[str, Json]) -> dict[str, Json]:
    """The answer itself. Raises what the other side refused with."""
    if not isinstance(error := answer.get("error"), dict):
        return answer
    details = {name: str(error.get(name, "")) for name in ("code", "now_true", "way_out")}
    kind = TransientError if error.get("transient") else PermanentError
    raise kind(str(error.get("message", "it failed")), **details)


def packed(vectors: tuple[bytes, ...]) -> list[str]:
    """Vectors as text."""
    return [base64.b64encode(vector).decode("ascii") for vector in vectors]


def unpacked(vectors: list[str]) -> tuple[bytes, ...]:
    """The vectors of such a text."""
    return tuple(base64.b64decode(vector) for vector in vectors)
