"""Mailboxes: folders of the workspace (loose `.eml`, `.emlx` and `.msg` files or a Maildir), and copies of folders on a server. They are read, never changed.

Without configuration `vault/inbox` itself and `vault/inbox/leads` are the mailbox `leads`, and every other folder of the
inbox is a mailbox of its own name. Links are not followed; only regular files count.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.connectors import safe_paths
from engine.connectors.arguments import one_line
from engine.connectors.email.message import foreign_files
from engine.connectors.temporary_files import is_companion
from engine.model.errors import PermanentError
from engine.model.values.ids import source_id

INBOX = ("vault", "inbox")
DEFAULT = "leads"
SENT = "sent"
"""The mailbox of what the operator sends from programs of their own: it starts nothing, and says what they have answered."""
_MAILDIR = ("cur", "new")
_MAX_FOREIGN = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterLocation:
    """Where a letter is stored. `mark` stays the same as long as the file does, also when a Maildir program sets its flags.

    `shown` is its address for people, where that is not a path below the workspace.
    """

    mailbox: str
    folder: tuple[str, ...]
    name: str
    size: int
    mtime_ns: int
    mark: str
    shown: str = ""

    @property
    def path(self) -> str:
        """Path below the workspace or address on a server, for people."""
        return (
            one_line(self.shown, 500)
            if self.shown
            else one_line("/".join((*self.folder, self.name)).encode("utf-8", "replace").decode(), 500)
        )


class MailboxCopies(Protocol):
    """Copies of the letters of a remote folder."""

    folder: tuple[str, ...]

    def places(self) -> list[LetterLocation]:
        """Every letter, by number; each in `folder`."""

    def load(self, place: LetterLocation, limit: int) -> bytes:
        """The first `limit` bytes. Raises TransientError when the copy has to be made again first."""


class Mailboxes:
    """The mailboxes of one workspace. `folders`: mailbox → path below `root`; None: the inbox. `mirrors`: those on a server."""

    def __init__(
        self,
        *,
        root: str,
        folders: Mapping[str, str] | None,
        index_key: bytes,
        mirrors: Sequence[MailboxCopies] = (),
    ) -> None:
        self._root = root
        self._index_key = index_key
        self._mirrors = {mirror.folder: mirror for mirror in mirrors}
        # What was seen at the last look: a mark costs more than the look itself.
        self._known: dict[tuple[str, tuple[str, ...], str, int, int], LetterLocation] = {}
        self._folders: tuple[tuple[str, tuple[str, ...]], ...] | None = None
        if folders or mirrors:
            folders = folders or {}
            self._folders = tuple((name, _configured(name, path)) for name, path in sorted(folders.items()))

    def places(self) -> list[LetterLocation]:
        """Every letter there is, by mailbox and name."""
        places: list[LetterLocation] = []
        for mailbox, parts in self._folders if self._folders is not None else self._default():
            places += self._letters(mailbox, parts)
        self._known = {
            (place.mailbox, place.folder, place.name, place.size, place.mtime_ns): place for place in places
        }
        for mirror in self._mirrors.values():
            places += mirror.places()
        return sorted(places, key=lambda place: (place.mailbox, place.name, place.folder))

    def origin(self, place: LetterLocation) -> str:
        """An opaque mark of the folder on a server that holds a letter; empty for a folder here."""
        return place.folder[-1] if place.folder in self._mirrors else ""

    def load(self, place: LetterLocation, limit: int) -> bytes:
        """The first `limit` bytes of a letter, whatever form its file has. Raises OSError or PermanentError when they can't be read, TransientError when the copy
        of a letter on a server has to be fetched again first.
        """
        if (mirror := self._mirrors.get(place.folder)) is not None:
            return mirror.load(place, limit)
        with safe_paths.folder(self._root, place.folder) as here:
            raw = safe_paths.read(here, place.name, limit)
            if foreign_files.needs_all(raw):
                raw = safe_paths.read(here, place.name, _MAX_FOREIGN)
        return foreign_files.as_letter(raw)[:limit]

    def _default(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        below = [name for name in self._names(INBOX, folders=True) if name not in {*_MAILDIR, "tmp"}]
        boxes = [(DEFAULT, INBOX), *((name, (*INBOX, name)) for name in below)]
        return tuple(boxes)

    def _letters(self, mailbox: str, parts: tuple[str, ...]) -> list[LetterLocation]:
        maildir = set(_MAILDIR) <= set(self._names(parts, folders=True))
        places = []
        for sub in _MAILDIR if maildir else ():
            folder = (*parts, sub)
            # The part after the colon is flags: reading a letter changes only these.
            places += self._places(mailbox, folder, self._names(folder, folders=False), cut=":")
        loose = [
            name
            for name in self._names(parts, folders=False)
            if foreign_files.is_letter(name) or foreign_files.is_archive(name)
        ]
        return places + self._places(mailbox, parts, loose, cut="")

    def _places(
        self, mailbox: str, folder: tuple[str, ...], names: list[str], *, cut: str
    ) -> list[LetterLocation]:
        places: list[LetterLocation] = []
        try:
            with safe_paths.folder(self._root, folder) as here:
                for name in names:
                    seen = os.stat(name, dir_fd=here, follow_symlinks=False)
                    places.append(self._place(mailbox, folder, name, seen, cut=cut))
        except (OSError, PermanentError):
            # Taken away while we looked, or never there: what was seen so far counts.
            return places
        return places

    def _place(
        self, mailbox: str, folder: tuple[str, ...], name: str, seen: os.stat_result, *, cut: str
    ) -> LetterLocation:
        known = self._known.get((mailbox, folder, name, seen.st_size, seen.st_mtime_ns))
        if known is not None:
            return known
        stable = name.partition(cut)[0] if cut else "/".join((*folder, name))
        stable = stable.encode("utf-8", "replace").decode()
        mark = source_id(self._index_key, "place", mailbox, stable, str(seen.st_size), str(seen.st_mtime_ns))
        return LetterLocation(
            mailbox=mailbox, folder=folder, name=name, size=seen.st_size, mtime_ns=seen.st_mtime_ns, mark=mark
        )

    def _names(self, parts: tuple[str, ...], *, folders: bool) -> list[str]:
        """Files or folders in a folder, other programs' companions left out; none when it is missing, a link, or closed to us."""
        names = []
        try:
            with safe_paths.folder(self._root, parts) as here, os.scandir(here) as entries:
                for entry in entries:
                    if is_companion(entry.name):
                        continue
                    fits = entry.is_dir if folders else entry.is_file
                    if fits(follow_symlinks=False):
                        names.append(entry.name)
        except (OSError, PermanentError):
            return []
        return sorted(names)


def _configured(name: str, path: str) -> tuple[str, ...]:
    try:
        return safe_paths.parts_of(path)
    except PermanentError as error:
        raise PermanentError(
            f"connectors.email.mailboxes.{name}: {error.message}",
            code="bad-path",
            way_out="name a folder below the workspace in steward.yaml",
        ) from error
