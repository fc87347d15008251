"""Files that are dropped into the workspace, as a source of triggers. Nothing is moved or deleted."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from engine.connectors.temporary_files import is_companion
from engine.model.definitions.taint import Label
from engine.model.ports import Arrival
from engine.model.values.canonical_json import sha256
from engine.model.values.ids import source_id
from engine.model.values.paths import path_fits
from engine.model.values.timestamps import stamp

MAX_BYTES = 25_000_000
HEAD = "file:"
_NOTHING = sha256(b"")
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
        """Every file a pattern names, sorted by path; linked and empty ones and other programs' companions are passed over."""
        paths = {path for pattern in self.patterns() for path in self._files("", pattern.split("/"))}
        return self._arrivals(paths, seen)

    def among(self, places: Collection[str], seen: Callable[[str], bool]) -> Iterator[Arrival]:
        """Those at these places."""
        patterns = self.patterns()
        paths = {
            path
            for path in places
            if any(path_fits(path, pattern) for pattern in patterns)
            and not any(map(is_companion, path.split("/")))
            and self._plain(path)
        }
        return self._arrivals(paths, seen)

    def same(self, arrival: Arrival) -> bool:
        """By size and time of its last change."""
        try:
            return self._mark(arrival.place, self._stat(arrival.place)) == arrival.mark
        except OSError:
            return False

    def _arrivals(self, paths: Iterable[str], seen: Callable[[str], bool]) -> Iterator[Arrival]:
        for path in sorted(paths):
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

    def _files(self, folder: str, pattern: list[str]) -> Iterator[str]:
        """The files below a folder that fit, without following links."""
        first, *remainder = pattern
        if first == "**" and remainder:
            yield from self._files(folder, remainder)
        try:
            entries = list(os.scandir(os.path.join(self.root, folder)))
        except OSError:
            return
        for entry in entries:
            if is_companion(entry.name) or not (first == "**" or fnmatchcase(entry.name, first)):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            deeper = pattern if first == "**" else remainder
            if entry.is_dir(follow_symlinks=False):
                if deeper:
                    yield from self._files(path, deeper)
            elif entry.is_file(follow_symlinks=False) and not remainder:
                yield path

    def _plain(self, path: str) -> bool:
        """Whether it is a file, with no link in its path."""
        *folders, _ = _prefixes(path)
        try:
            return all(stat.S_ISDIR(self._stat(folder).st_mode) for folder in folders) and stat.S_ISREG(
                self._stat(path).st_mode
            )
        except OSError:
            return False

    def _stat(self, path: str) -> os.stat_result:
        return os.stat(os.path.join(self.root, path), follow_symlinks=False)

    def _mark(self, path: str, info: os.stat_result) -> str:
        return source_id(self.index_key, "mark", _legible(path), str(info.st_size), str(info.st_mtime_ns))

    def _arrival(self, path: str, seen: Callable[[str], bool]) -> Arrival | None:
        try:
            info = self._stat(path)
        except OSError:
            return None
        mark = self._mark(path, info)
        # An empty file is still being written: it is read once it has content.
        if not info.st_size or seen(mark):
            return None
        source, ignored, content, digest = mark, "", b"", _NOTHING
        if info.st_size > MAX_BYTES:
            ignored = "too-big"
        elif _legible(path) != path:
            # No text holds its name, so no run could be told of it.
            ignored = "unreadable"
        else:
            try:
                content = self._read(path)
            except OSError:
                ignored = "unreadable"
            digest = sha256(content)
            source = source_id(self.index_key, "file", path, digest)
        at = stamp(datetime.fromtimestamp(info.st_mtime, UTC))
        media = _MEDIA.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
        return Arrival(
            kind="file",
            source=source,
            event={
                "path": _legible(path),
                "name": os.path.basename(_legible(path)),
                "sha256": digest,
                "at": at,
            },
            labels=frozenset({Label.UNTRUSTED}),
            ignored=ignored,
            place=path,
            mark=mark,
            files=((os.path.basename(_legible(path)), media, content),),
        )

    def _read(self, path: str) -> bytes:
        handle = os.open(os.path.join(self.root, path), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            return file.read(MAX_BYTES + 1)


def _legible(path: str) -> str:
    """A path as text: bytes of a name that are none are spelled out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        yield "/".join(parts[:end])
