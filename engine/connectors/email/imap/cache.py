"""What was fetched from a folder on a server, kept here: a cache that may be deleted, for what is gone is fetched again.

It lets the loop, the threads of letters and the previews read without a network. Each letter is one file in the state folder, sealed
under a key of the workspace, named after the folder's validity and the letter's number, size and time. What the ledger has of a letter
does not depend on it.
"""

import hmac
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from engine.connectors import safe_paths
from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.mailboxes import LetterLocation
from engine.model.errors import TransientError
from engine.model.values.ids import source_id

ROOM = "mail"
KEEP_SECONDS = 90 * 86_400
"""How long a letter that was moved or deleted on the server is kept here: a card may still be about it."""
_NAME = re.compile(r"(\d{10})-(\d{10})-(\d{1,15})-(\d{1,12})\.letter")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedMessage:
    """One letter as its file is named. `size` is the server's word, `at` when it came there (seconds since 1970)."""

    validity: int
    uid: int
    size: int
    at: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.validity:010}-{self.uid:010}-{self.size}-{self.at}.letter"


class Mirror:
    """The copies of one folder, below the state folder `state`. `url` names the folder for people, like ``imap://host/INBOX``."""

    def __init__(self, *, state: str, mailbox: str, url: str, index_key: bytes) -> None:
        self._state = state
        self.mailbox = mailbox
        self.url = url
        self._index_key = index_key
        self.folder: tuple[str, ...] = (ROOM, source_id(index_key, "mirror", mailbox, url)[:24])
        # Two halves of 256 bits, as the cipher (RFC 5297) takes them.
        self._key = hmac.digest(index_key, b"mirror", "sha512")
        self._places: dict[str, LetterLocation] = {}

    @classmethod
    def of(cls, account: MailAccount, *, state: str, mailbox: str, index_key: bytes) -> Self:
        """The copies of one of an account's mailboxes."""
        url = f"imap://{account.host}/{account.folders[mailbox]}"
        return cls(state=state, mailbox=mailbox, url=url, index_key=index_key)

    def messages(self) -> list[CachedMessage]:
        """Every letter here, by number."""
        return [message for name in self._names() if (message := _read(name)) is not None]

    def places(self) -> list[LetterLocation]:
        """Every letter here as a place, by number."""
        places: dict[str, LetterLocation] = {}
        for name in self._names():
            place = self._places.get(name) or self._place(name)
            if place is not None:
                places[name] = place
        self._places = places
        return list(places.values())

    def load(self, place: LetterLocation, limit: int) -> bytes:
        """The first `limit` bytes. Raises TransientError when the copy is gone or damaged: it is fetched again then."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        try:
            with safe_paths.folder(self._state, self.folder) as here:
                sealed = safe_paths.read(here, place.name, place.size + 1024)
                try:
                    return AESSIV(self._key).decrypt(sealed, [place.name.encode()])[1 : limit + 1]
                except (InvalidTag, ValueError):
                    safe_paths.remove(here, place.name)
        except OSError as error:
            raise TransientError(f"{place.path} can't be read here", code="mirror") from error
        raise TransientError(f"{place.path} was damaged here", code="mirror")

    def keep(self, message: CachedMessage, raw: bytes) -> None:
        """Put a letter here, whole and durable: what the ledger says of it must not rest on half of it. Raises TransientError."""
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        # The cipher takes no empty text.
        sealed = AESSIV(self._key).encrypt(b"." + raw, [message.name.encode()])
        with (
            safe_paths.disk_errors("the copy of a letter"),
            safe_paths.folder(self._state, self.folder, create=True) as here,
        ):
            safe_paths.write(here, message.name, sealed, token=message.name)

    def settle(self, validity: int, uids: Collection[int], *, now: float) -> None:
        """The folder holds just these letters now: drop copies under an earlier validity, and those that have been gone for long."""
        there = frozenset(uids)
        with (
            safe_paths.disk_errors("the copies of letters"),
            safe_paths.folder(self._state, self.folder, create=True) as here,
        ):
            for message in self.messages():
                if message.validity == validity and message.uid in there:
                    continue
                aged = now - os.stat(message.name, dir_fd=here, follow_symlinks=False).st_mtime > KEEP_SECONDS
                if message.validity != validity or aged:
                    safe_paths.remove(here, message.name)

    def _names(self) -> list[str]:
        try:
            with safe_paths.folder(self._state, self.folder) as here:
                return sorted(name for name in os.listdir(here) if not name.startswith("."))
        except FileNotFoundError:
            return []

    def _place(self, name: str) -> LetterLocation | None:
        message = _read(name)
        if message is None:
            return None
        mark = source_id(
            self._index_key,
            "imap-place",
            self.mailbox,
            self.url,
            str(message.validity),
            str(message.uid),
            str(message.size),
        )
        return LetterLocation(
            mailbox=self.mailbox, folder=self.folder, name=name, size=message.size, mtime_ns=message.at * 10**9, mark=mark,
            shown=f"{self.url};UID={message.uid}",
        )  # fmt: skip


def _read(name: str) -> CachedMessage | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    validity, uid, size, at = (int(number) for number in match.groups())
    return CachedMessage(validity=validity, uid=uid, size=size, at=at)
