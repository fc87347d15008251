"""Vectors of the operator's own texts, kept by the digest of the text, so that a retraining encodes only what is new.

Letters are never kept here. The file is a cache under a MAC: one that was altered, or belongs to another encoder, is made again.
"""

import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from engine.identity.text_normalize import digest
from engine.model.ports import Encoder

_MAC, _NAME = 32, 32


class Vectors:
    """Known vectors of one encoder. `file` is where they outlive the process; None: nowhere."""

    def __init__(self, file: Path | None, key: bytes) -> None:
        self._file, self._key = file, key
        self._version = ""
        self._known: dict[str, bytes] = {}

    def vectors_of(self, texts: Sequence[str], encoder: Encoder) -> tuple[bytes, ...]:
        """A vector a text; what is not known is encoded and kept. Raises as the encoder does."""
        self._fit(encoder.version)
        names = [digest(text) for text in texts]
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in self._known}
        if missing:
            encoded = encoder.encode(list(missing.values()))
            # What is kept is what is used now: texts the operator took out go with the next retraining.
            self._known = {name: vector for name, vector in self._known.items() if name in set(names)}
            self._known.update(zip(missing, encoded, strict=True))
            self._store()
        return tuple(self._known[name] for name in names)

    def _fit(self, version: str) -> None:
        if version == self._version:
            return
        self._version, self._known = version, {}
        cached = read(self._file, self._key)
        head, _, entries = (cached or b"").partition(b"\n")
        if cached is None or not head.startswith(version.encode() + b" "):
            return
        size = _NAME + int(head.rpartition(b" ")[2])
        for at in range(0, len(entries), size):
            self._known[entries[at : at + _NAME].decode()] = entries[at + _NAME : at + size]

    def _store(self) -> None:
        sizes = {len(vector) for vector in self._known.values()}
        if len(sizes) == 1:
            head = f"{self._version} {sizes.pop()}\n".encode()
            write(
                self._file,
                head + b"".join(name.encode() + vector for name, vector in sorted(self._known.items())),
                self._key,
            )


def write(file: Path | None, content: bytes, key: bytes) -> None:
    """Keep bytes under a MAC, written beside and renamed. A cache that can't be written is not an error."""
    if file is None:
        return
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_bytes(hmac.digest(key, content, "sha256") + content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)


def read(file: Path | None, key: bytes) -> bytes | None:
    """What `write` kept; None when it is not there or was altered."""
    try:
        stored = file.read_bytes() if file is not None else b""
    except OSError:
        return None
    good = hmac.compare_digest(hmac.digest(key, stored[_MAC:], "sha256"), stored[:_MAC])
    return stored[_MAC:] if good else None
