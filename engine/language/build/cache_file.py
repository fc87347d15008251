"""Entries by name in one file, for what may be computed again at any time.

The file may be deleted, cut off, corrupt or of another version, and then it holds nothing, or less. It is written whole beside
and renamed, so that two processes never see half of one; the later of two wins, and what it lost is computed once more.
"""

import contextlib
import json
import os
from pathlib import Path

from engine.model.values import canonical_json

_FORMAT = 1
MAX_BYTES = 64_000_000
"""Beyond this the entries that were not asked for the longest are left out."""

_WRONG = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


class Shelf:
    """The entries of one file. Reads it at once; writes it only in `save`, and only when something is new."""

    def __init__(self, file: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._content = b""
        self._index: dict[str, tuple[int, int, str]] = {}
        self._fresh: dict[str, bytes] = {}
        self._asked: dict[str, None] = {}
        try:
            with file.open("rb") as opened:
                content = opened.read(max_bytes + 1)
            if len(content) <= max_bytes:
                self._index = _index(content)
                self._content = content
        except _WRONG:
            self._index = {}

    def get(self, name: str) -> bytes | None:
        """The entry called `name`; None when there is none, or when it is not what was put there."""
        if name in self._fresh:
            return self._fresh[name]
        if name not in self._index:
            return None
        start, size, check = self._index[name]
        entry = self._content[start : start + size]
        if canonical_json.sha256(entry) != check:
            del self._index[name]
            return None
        self._asked[name] = None
        return entry

    def __contains__(self, name: str) -> bool:
        return name in self._index or name in self._fresh

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` as the entry called `name`."""
        self._fresh[name] = content

    def save(self) -> bool:
        """Write what is new together with what was there. False when the disk is full or read-only, which is no error."""
        if not self._fresh:
            return True
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.write_bytes(self._whole())
            part.replace(self._file)
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                part.unlink()
            return False
        return True

    def _whole(self) -> bytes:
        """New entries first, then those that were asked for, then the others, as far as there is room."""
        old = [*self._asked, *(name for name in self._index if name not in self._asked)]
        rows, parts, size = [], [], 0
        for name in (*self._fresh, *(name for name in old if name not in self._fresh)):
            if name in self._fresh:
                content = self._fresh[name]
                check = canonical_json.sha256(content)
            else:
                start, length, check = self._index[name]
                content = self._content[start : start + length]
            # A quarter is for the index.
            if size + len(content) > self._max_bytes * 3 // 4:
                break
            rows.append([name, size, len(content), check])
            parts.append(content)
            size += len(content)
        head = json.dumps({"format": _FORMAT, "entries": rows}, separators=(",", ":")).encode()
        return b"\n".join([head, b"".join(parts)])


def _index(content: bytes) -> dict[str, tuple[int, int, str]]:
    """Name → (start, size, SHA-256). Raises what reading foreign JSON raises."""
    end = content.index(b"\n")
    head = json.loads(content[:end])
    if head["format"] != _FORMAT:
        return {}
    return {
        name: (end + 1 + int(start), int(size), str(check)) for name, start, size, check in head["entries"]
    }
