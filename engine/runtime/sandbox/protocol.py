"""Frames on a pipe: four bytes of length, then JSON. Both ends bound what they take. Standard library only: the child uses it, too."""

import json
import os
from typing import NoReturn

from engine.model.values.canonical_json import Json

HEAD = 4
MAX_DOWN = 16_000_000
"""Bytes of one frame towards a child."""


class Broken(ValueError):
    """The bytes are not a frame: too long, cut off, or not JSON that can be passed on."""


def pack(value: Json, *, max_bytes: int) -> bytes:
    """A frame. Raises Broken when it would be longer than `most` bytes."""
    try:
        body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (UnicodeEncodeError, ValueError, TypeError, RecursionError) as error:
        raise Broken(f"not sendable: {type(error).__name__}") from error
    if len(body) > max_bytes:
        raise Broken(f"{len(body)} bytes, more than {max_bytes}")
    return len(body).to_bytes(HEAD, "big") + body


def parse(body: bytes) -> Json:
    """A frame's value. Lone surrogates, NaN, numbers of thousands of digits and bottomless nesting are refused, not passed on."""
    try:
        value: Json = json.loads(body, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise Broken(f"not JSON: {type(error).__name__}") from error
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def receive(fd: int, *, max_bytes: int) -> Json:
    """Wait for a frame on a blocking descriptor. Raises Broken at its end."""
    length = int.from_bytes(_exactly(fd, HEAD), "big")
    if length > max_bytes:
        raise Broken(f"{length} bytes, more than {max_bytes}")
    return parse(_exactly(fd, length))


def send(fd: int, value: Json, *, max_bytes: int) -> None:
    """Write a frame to a blocking descriptor."""
    left = memoryview(pack(value, max_bytes=max_bytes))
    while left:
        left = left[os.write(fd, left) :]


def _exactly(fd: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise Broken("cut off")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
