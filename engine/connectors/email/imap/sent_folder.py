"""The folder of sent letters on the server: where a copy of a sent letter goes, and where to look when it is unknown whether a letter left.

A copy that is there proves that the server took the letter. One that is missing proves nothing: a server may file it late, and ours is
put there only after the sending.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap import client
from engine.model.errors import PermanentError
from engine.model.ports import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBox:
    """The sent letters of one account."""

    account: MailAccount
    secrets: Secrets

    def holds(self, message_id: str) -> bool:
        """Whether the server has a copy. Raises TransientError or PermanentError when it can't be asked."""
        with client.session(self.account, self.secrets) as session:
            session.folder(_folder(session, self.account))
            return session.holds(message_id)

    @contextmanager
    def filing(self) -> Iterator[Callable[[str, bytes, datetime], None]]:
        """While open, what puts a copy of a sent letter (Message-ID, bytes, when) there, once. Raises TransientError or PermanentError.

        Where the server keeps copies by itself, nothing is put there.
        """
        if self.account.sent == "server":
            yield _nothing
            return
        with client.session(self.account, self.secrets) as session:
            if session.files_itself:
                yield _nothing
                return
            folder = _folder(session, self.account)
            session.folder(folder)

            def file(message_id: str, body: bytes, at: datetime) -> None:
                if not session.holds(message_id):
                    session.append(folder, body, at)

            yield file


def _nothing(_message_id: str, _body: bytes, _at: datetime) -> None:
    """The server does it."""


def _folder(session: client.ImapSession, account: MailAccount) -> str:
    folder = session.sent()
    if not folder:
        raise PermanentError(
            f"{account.host} marks no folder as that of sent letters",
            code="no-sent",
            way_out="name it: sent-folder under connectors.email in steward.yaml",
        )
    return folder
