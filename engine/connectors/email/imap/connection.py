"""The line to an IMAP server and the way in: bounded in time and bytes, a password in whatever letters, an honest word for a no."""

import imaplib
import re
import socket
import ssl

from engine.connectors.email.account import login
from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap.folder_names import quoted
from engine.model.errors import EngineError, PermanentError, TransientError

# A line lists the numbers of all letters; half a million of them fit.
MAX_LINE = 4_000_000


class _Pieces:
    """User and password, one literal after the other."""

    def __init__(self, user: str, password: str) -> None:
        user_bytes, password_bytes = user.encode(), password.encode()
        self.first = f"{{{len(user_bytes)}}}"
        self._left = [user_bytes + b" {%d}" % len(password_bytes), password_bytes]

    def next(self, _asked: bytes) -> bytes:
        return self._left.pop(0)


class BoundedImap(imaplib.IMAP4):
    """The library's client over a line that never holds more than was asked for."""

    def __init__(self, account: MailAccount) -> None:
        self._account = account
        self._received = bytearray()
        self._max_bytes = MAX_LINE
        super().__init__(account.host, account.port, account.seconds)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.sock = socket.create_connection((host, port), timeout)
        try:
            # A line that a router forgot is noticed sooner.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._account.tls == "ssl":
                self.sock = self.context().wrap_socket(self.sock, server_hostname=host)
        except BaseException:
            self.sock.close()
            raise

    def context(self) -> ssl.SSLContext:
        return (self._account.context or ssl.create_default_context)()

    def secure(self) -> None:
        """STARTTLS. What came before it in clear is not believed."""
        if "STARTTLS" not in self.capabilities:
            raise PermanentError(f"{self.host} offers no TLS at port {self.port}", code="imap-unsafe")
        self.starttls(self.context())
        if self._received:
            raise self.abort("words before the encryption")

    def bound(self, max_bytes: int) -> None:
        """The most that one answer may carry in one piece."""
        self._max_bytes = max_bytes

    def patience(self, seconds: float) -> None:
        self.sock.settimeout(seconds)

    def read(self, size: int) -> bytes:
        if size > self._max_bytes:
            raise self.abort(f"{size} bytes where {self._max_bytes} were asked for")
        while len(self._received) < size:
            self._receive()
        piece = bytes(self._received[:size])
        del self._received[:size]
        return piece

    def readline(self) -> bytes:
        looked = 0
        while (end := self._received.find(b"\n", looked)) < 0:
            looked = len(self._received)
            if looked > MAX_LINE:
                raise self.abort("a line without an end")
            self._receive()
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        return line

    def _receive(self) -> None:
        piece = self.sock.recv(65_536)
        if not piece:
            raise self.abort("the connection was closed")
        self._received += piece

    def send(self, data: bytes) -> None:  # type: ignore[override]  # the library's own says Buffer
        self.sock.sendall(data)

    def login_in_pieces(self, user: str, password: str) -> None:
        """LOGIN with letters beyond ASCII, which travel as literals: each goes when the server asks for it."""
        pieces = _Pieces(user, password)
        self.literal = pieces.next  # type: ignore[assignment]  # the library calls a method for each continuation
        typ, reply = self._simple_command("LOGIN", pieces.first)
        if typ != "OK":
            raise self.error(reply[-1])
        self.state = "AUTH"

    def shutdown(self) -> None:
        # The library's STARTTLS opens a file of its own on the socket, which would keep it open.
        for name in ("file", "_file"):
            if (file := vars(self).get(name)) is not None:
                file.close()
        self.sock.close()

    def hang_up(self) -> None:
        """End whatever another thread waits for on this line."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError, AttributeError):
            # It is closed already.
            return


def enter(line: BoundedImap, account: MailAccount, password: str) -> None:
    """Log in. Raises TransientError where it may pass by itself, PermanentError where a person has to do something."""
    login.sound(password, secret=account.password.name)
    able = set(line.capabilities)
    try:
        if "AUTH=PLAIN" in able:
            line.authenticate("PLAIN", lambda _: login.as_plain(account.user, password))
        elif "LOGINDISABLED" in able:
            raise PermanentError(f"{account.host} takes no password this way", code="imap-unsafe")
        elif f"{account.user}{password}".isascii():
            line.login(quoted(account.user), password)
        else:
            line.login_in_pieces(account.user, password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise _refused(account, words_of(error, password), utf8=not password.isascii()) from None


def _refused(account: MailAccount, reply: str, *, utf8: bool) -> EngineError:
    refusal = login.refusal(reply, secret=account.password.name)
    if refusal.kind == "later":
        return TransientError(f"{account.host} takes nobody in now: {reply}", code="imap-later")
    barred = refusal.kind == "barred"
    refusal_text = f"does not let {account.user} in" if barred else f"refused {account.user} or its password"
    return PermanentError(
        f"{account.host} {refusal_text}{' (its letters beyond ASCII were sent as UTF-8)' if utf8 and not barred else ''}: {reply}",
        code="imap-barred" if barred else "imap-refused",
        now_true="No letter was read; nothing on the server was changed.",
        way_out=refusal.way_out,
    )


def introduce(line: BoundedImap, able: frozenset[bytes]) -> None:
    """Say which program this is where that can be said (RFC 2971): some servers show their folders only to clients that do."""
    if b"ID" not in able:
        return
    try:
        line.xatom("ID", '("name" "steward")')
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        return


def words_of(error: BaseException, password: str = "") -> str:
    """What a server or the system said, on one line."""
    answer = error.args[0] if error.args else ""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(error)
    # The library says first what it had asked.
    return login.shown(re.sub(r"^command: \w+ => ", "", text), password)
