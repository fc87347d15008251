"""A mail server on loopback that counts what it takes and misbehaves as it is told, until it is told otherwise."""

import email
import socket
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

SETTINGS = """\
connectors:
  email:
    host: 127.0.0.1
    port: {port}
    tls: none
    mailboxes: {{ leads: vault/inbox/leads }}
"""


@dataclass
class Office:
    """`says`: what it answers to MAIL, RCPT and the content, by their names. `taken` counts letters by Message-ID, `asked` how often one was shown."""

    port: int
    says: dict[str, str] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    _controller: Controller | None = None

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if "RCPT" not in self.says:
            envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 OK")

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        id_ = str(email.message_from_bytes(envelope.content)["Message-ID"])
        self.asked[id_] += 1
        said = self.says.get("DATA", "250 OK")
        self.taken[id_] += said.startswith("250")
        return said

    def open(self) -> None:
        """Be there."""
        with warnings.catch_warnings():
            # The library warns about its own `loop` argument.
            warnings.simplefilter("ignore")
            self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
            self._controller.start()

    def close(self) -> None:
        """Be gone: connections are refused."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@contextmanager
def office() -> Iterator[Office]:
    """One that is closed at first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        one = Office(port=free.getsockname()[1])
    try:
        yield one
    finally:
        one.close()
