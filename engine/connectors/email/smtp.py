"""Letters through an SMTP server, with an honest answer about what is known.

Until the first byte of the content leaves, every failure means "certainly not sent". After it, only the server's own
answer counts; a connection lost in between is an unknown outcome, because the server may have taken the letter.
"""

import base64
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.connectors.arguments import one_line
from engine.model.canonical import Json
from engine.model.config import SecretRef
from engine.model.errors import EngineError, PermanentError, TransientError, UnknownOutcome
from engine.model.ports import Secrets

_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where letters are handed over. `tls`: starttls, ssl, or none (a server on this machine). `seconds`: of one answer."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: SecretRef | None = None
    seconds: float = 30.0
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context


def server_of(settings: dict[str, Json]) -> Server | None:
    """The server in `connectors.email`, None without `host`. Raises PermanentError(code='setting') on what makes no sense."""
    host = settings.get("host")
    if not host:
        return None
    tls = str(settings.get("tls") or "starttls")
    password, wanted = settings.get("password"), settings.get("port")
    try:
        port = int(str({"ssl": 465}.get(tls, 587) if wanted is None else wanted))
    except ValueError as error:
        raise PermanentError("connectors.email.port is no number", code="setting") from error
    if tls not in {"starttls", "ssl", "none"} or not isinstance(host, str) or not 0 < port < 65536:
        raise PermanentError(
            "connectors.email: tls is starttls, ssl or none; port 1 to 65535", code="setting"
        )
    if password is not None and not isinstance(password, SecretRef):
        raise PermanentError(
            "connectors.email.password stands in the file itself",
            code="setting",
            way_out="write it as ${{ secrets.MAIL }} and put the value where secrets are looked up",
        )
    if tls == "none" and password is not None:
        raise PermanentError("connectors.email: no password without tls", code="setting")
    return Server(host=host, port=port, tls=tls, user=str(settings.get("user") or ""), password=password)


def transmit(
    server: Server, secrets: Secrets, *, sender: str, to: str, body: bytes, begin: Callable[[], bool]
) -> bool:
    """Hand one letter over; whether it was. `begin` is asked last, when everything is ready and nothing has left: False, and nothing will.

    Raises TransientError or PermanentError (certainly not sent), or UnknownOutcome.
    """
    password = secrets.secret(server.password.name) if server.password else ""
    with _refusals(server):
        connection = _opened(server, sender)
    try:
        with _refusals(server):
            if server.user and password:
                _login(server, connection, password)
            _expect(server, connection.mail(sender), 2)
            _expect(server, connection.rcpt(to), 2)
            if not begin():
                return False
            _expect(server, connection.docmd("DATA"), 3)
        _content(server, connection, body)
        return True
    finally:
        _leave(connection)


def reach(server: Server, secrets: Secrets, *, sender: str) -> None:
    """Greet the server and log in as for a letter, then leave: nothing is handed over. Raises TransientError or PermanentError."""
    password = secrets.secret(server.password.name) if server.password else ""
    with _refusals(server):
        connection = _opened(server, sender)
    try:
        with _refusals(server):
            if server.user and password:
                _login(server, connection, password)
    finally:
        _leave(connection)


def _opened(server: Server, sender: str) -> smtplib.SMTP:
    name = sender.rpartition("@")[2]
    if server.tls == "ssl":
        return smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=name, timeout=server.seconds, context=server.context()
        )
    connection = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=server.seconds)
    try:
        connection.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            connection.starttls(context=server.context())
    except BaseException:
        connection.close()
        raise
    return connection


def _login(server: Server, connection: smtplib.SMTP, password: str) -> None:
    try:
        _log_in(server, connection, password)
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code // 100 != 5:
            raise
        said = (
            error.smtp_error
            if isinstance(error.smtp_error, str)
            else error.smtp_error.decode("utf-8", "replace")
        )
        name = server.password.name if server.password else ""
        # Nothing was wrong with the letter: as when nobody answers, what is to leave waits until the password is right.
        raise TransientError(
            f"{server.host} refused {server.user} or its password: {error.smtp_code} {one_line(said.replace(password, '…'), 200)}",
            code="smtp-refused-login",
            now_true="the letter was not sent",
            way_out=f"put the right password where {name} is looked up: steward secrets set {name}",
        ) from None


def _log_in(server: Server, connection: smtplib.SMTP, password: str) -> None:
    if f"{server.user}{password}".isascii():
        connection.login(server.user, password)
        return
    # The library's own login knows ASCII only; PLAIN itself carries UTF-8 (RFC 4616).
    connection.ehlo_or_helo_if_needed()
    told = base64.b64encode(f"\0{server.user}\0{password}".encode()).decode()
    code, words = connection.docmd("AUTH", f"PLAIN {told}")
    if code // 100 != 2:
        raise smtplib.SMTPAuthenticationError(code, words)


def _content(server: Server, connection: smtplib.SMTP, body: bytes) -> None:
    try:
        connection.send(_DOT.sub(b"..", body) + b".\r\n")
        answer = connection.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise UnknownOutcome(
            f"{server.host} was lost after the letter had begun to leave",
            code="smtp-lost",
            now_true="the server may or may not have taken the letter",
            way_out="look into your Sent folder or ask the recipient, then answer the card",
        ) from error
    _expect(server, answer, 2)


def _expect(server: Server, answer: tuple[int, bytes], first: int) -> None:
    code, words = answer
    if code // 100 != first:
        raise _refusal(server, code, words)


def _refusal(server: Server, code: int, words: bytes | str) -> EngineError:
    said = one_line(words.decode("utf-8", "replace") if isinstance(words, bytes) else words)
    message = f"{server.host} answered {code} {said}"
    if 500 <= code < 600:
        return PermanentError(message, code="smtp-refused", now_true="the letter was not sent")
    return TransientError(message, code="smtp-later", now_true="the letter was not sent")


@contextmanager
def _refusals(server: Server) -> Iterator[None]:
    """What can go wrong before the content leaves; nothing was sent in any of these cases."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _refusal(server, error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
        raise PermanentError(
            f"{server.host} can't be used safely: {one_line(str(error))}",
            code="smtp-unsafe",
            now_true="the letter was not sent",
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        why = error.strerror or str(error)
        raise TransientError(
            f"{server.host}:{server.port} can't be reached: {one_line(why)}",
            code="smtp-unreachable",
            now_true="the letter was not sent",
        ) from error


def _leave(connection: smtplib.SMTP) -> None:
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException):
        # The letter's fate is known or unknown already; a rude good-bye changes nothing.
        connection.close()
