"""Files that are dropped into the workspace, as a source of triggers. Nothing is moved or deleted."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.model.canonical import sha256
from engine.model.ids import source_id
from engine.model.labels import Label
from engine.model.ports import Arrival
from engine.model.times import stamp

MOST_BYTES = 25_000_000
HEAD = "file:"
_MEDIA = {
    ".pdf": "application/pdf",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFiles:
    """Port Source over the patterns that deployed playbooks listen to (paths below the workspace, ``*`` within one folder)."""

    root: str
    index_key: bytes
    patterns: Callable[[], tuple[str, ...]]

    def poll(self, seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """Every file a pattern names, sorted by path; hidden, partly written (``.part``) and linked ones are passed over."""
        found = {path for pattern in self.patterns() for path in self._files(pattern)}
        for path in sorted(found):
            arrival = self._arrival(path, seen)
            if arrival is not None:
                yield arrival

    def head(self, name: str) -> str:
        """The present digest of a file; empty when it is gone or another source's."""
        if not name.startswith(HEAD):
            return ""
        try:
            return sha256(self._read(name.removeprefix(HEAD)))
        except OSError:
            return ""

    def _files(self, pattern: str) -> Iterator[str]:
        root = Path(self.root)
        if pattern.startswith("/") or ".." in pattern.split("/"):
            return
        for one in root.glob(pattern):
            path = one.relative_to(root).as_posix()
            linked = any((root / part).is_symlink() for part in _prefixes(path))
            hidden = any(part.startswith(".") for part in path.split("/")) or path.endswith(".part")
            if one.is_file() and not linked and not hidden:
                yield path

    def _arrival(self, path: str, seen: Callable[[str], bool]) -> Arrival | None:
        try:
            info = os.stat(os.path.join(self.root, path), follow_symlinks=False)
        except OSError:
            return None
        mark = source_id(self.index_key, "mark", path, str(info.st_size), str(info.st_mtime_ns))
        if seen(mark):
            return None
        source, ignored, data = mark, "", b""
        if info.st_size > MOST_BYTES:
            ignored = "too-big"
        else:
            try:
                data = self._read(path)
            except OSError:
                ignored = "unreadable"
            source = source_id(self.index_key, "file", path, sha256(data))
        at = stamp(datetime.fromtimestamp(info.st_mtime, UTC))
        media = _MEDIA.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
        return Arrival(
            kind="file",
            source=source,
            event={"path": path, "sha256": sha256(data), "at": at},
            labels=frozenset({Label.UNTRUSTED}),
            ignored=ignored,
            place=path,
            mark=mark,
            files=((os.path.basename(path), media, data),),
        )

    def _read(self, path: str) -> bytes:
        handle = os.open(os.path.join(self.root, path), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            return file.read(MOST_BYTES + 1)


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        yield "/".join(parts[:end])
