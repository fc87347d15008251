"""Letters through an SMTP server, with an honest answer about what is known.

Until the first byte of the content leaves, every failure means "certainly not sent". After it, only the server's own
answer counts; a connection lost in between is an unknown outcome, because the server may have taken the letter.
"""

import base64
import hmac
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.connectors import certificates
from engine.connectors.arguments import one_line
from engine.connectors.email.account import login
from engine.connectors.email.account.imap_account import LOOPBACK
from engine.connectors.email.message.addresses import domain_of, written
from engine.model.definitions.settings import SecretRef
from engine.model.errors import EngineError, PermanentError, TransientError, UnknownOutcome
from engine.model.ports import Secrets
from engine.model.values.canonical_json import Json

_DOT = re.compile(rb"(?m)^\.")
_ASKS = 334
# A way to log in that the server offers and does not know after all, or not under this encryption.
_UNKNOWN_WAY = frozenset({501, 502, 503, 504, 534})
_AUTH = ("password", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where letters are handed over. `tls`: starttls, ssl, or none (a server on this machine). `seconds`: of one answer."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: SecretRef | None = None
    seconds: float = 30.0
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context


def server_of(settings: dict[str, Json]) -> SmtpServer | None:
    """The server in `connectors.email`, None without `host`. Raises PermanentError(code='setting') on what makes no sense.

    Without TLS there is no login, except to this machine and on request: a relay here takes letters as they are, and the password beside it
    is the mailbox's.
    """
    host = settings.get("host")
    if not host:
        return None
    tls = str(settings.get("tls") or "starttls")
    password, configured_port = settings.get("password"), settings.get("port")
    try:
        port = int(str({"ssl": 465}.get(tls, 587) if configured_port is None else configured_port))
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
    if not _logs_in(host, tls, settings.get("smtp-auth"), password):
        return SmtpServer(host=host, port=port, tls=tls)
    return SmtpServer(host=host, port=port, tls=tls, user=str(settings.get("user") or ""), password=password)


def _logs_in(host: str, tls: str, auth: Json, password: SecretRef | None) -> bool:
    """Whether the server is told a password."""
    if auth is not None and auth not in _AUTH:
        raise PermanentError("connectors.email: smtp-auth is password or none", code="setting")
    if tls != "none":
        return bool(auth != "none")
    if host in LOOPBACK:
        return bool(auth == "password")
    if password is not None and auth != "none":
        raise PermanentError(
            f"connectors.email: {host} would be told the password without tls",
            code="setting",
            way_out="tls: starttls or ssl; a relay that wants no password: smtp-auth: none",
        )
    return False


def transmit(
    server: SmtpServer, secrets: Secrets, *, sender: str, to: str, body: bytes, begin: Callable[[], bool]
) -> bool:
    """Hand one letter over; whether it was. `begin` is asked last, when everything is ready and nothing has left: False, and nothing will.

    Raises TransientError or PermanentError (certainly not sent), or UnknownOutcome.
    """
    password = secrets.secret(server.password.name) if server.password else ""
    with _refusals(server, door=True):
        connection = _opened(server, sender)
    try:
        with _refusals(server, door=True):
            if server.user and password:
                _login(server, connection, password)
        with _refusals(server):
            options = _international(server, connection, sender, to)
            _expect(server, connection.mail(written(sender), options), 2)
            _expect(server, connection.rcpt(written(to)), 2)
            if not begin():
                return False
            _expect(server, connection.docmd("DATA"), 3)
        _content(server, connection, body)
        return True
    finally:
        _leave(connection)


def reach(server: SmtpServer, secrets: Secrets, *, sender: str) -> None:
    """Greet the server and log in as for a letter, then leave: nothing is handed over. Raises TransientError or PermanentError."""
    password = secrets.secret(server.password.name) if server.password else ""
    with _refusals(server, door=True):
        connection = _opened(server, sender)
    try:
        with _refusals(server, door=True):
            if server.user and password:
                _login(server, connection, password)
    finally:
        _leave(connection)


def carries(server: SmtpServer, *, sender: str, to: str) -> bool:
    """Whether the server offers what these addresses need: outside of ASCII, SMTPUTF8 (RFC 6531). Raises TransientError or PermanentError."""
    if f"{sender}{to}".isascii():
        return True
    with _refusals(server):
        connection = _opened(server, sender)
    try:
        with _refusals(server):
            connection.ehlo_or_helo_if_needed()
            return connection.has_extn("smtputf8")
    finally:
        _leave(connection)


def _international(server: SmtpServer, connection: smtplib.SMTP, sender: str, to: str) -> list[str]:
    """The options of a letter's envelope. Raises PermanentError(code='smtp-no-utf8') where an address can't be written to from there."""
    if f"{sender}{to}".isascii():
        return []
    connection.ehlo_or_helo_if_needed()
    if not connection.has_extn("smtputf8"):
        raise PermanentError(
            f"{server.host} does not offer SMTPUTF8, without which no letter can go to {to}",
            code="smtp-no-utf8",
            now_true="the letter was not sent",
            way_out="answer from a mail program whose server offers it, or ask for another address",
        )
    return ["SMTPUTF8", *(["BODY=8BITMIME"] if connection.has_extn("8bitmime") else [])]


def _opened(server: SmtpServer, sender: str) -> smtplib.SMTP:
    name = domain_of(sender)
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


def _login(server: SmtpServer, connection: smtplib.SMTP, password: str) -> None:
    secret = server.password.name if server.password else ""
    login.sound(password, secret=secret)
    connection.ehlo_or_helo_if_needed()
    code, words = _authenticate(server, connection, password)
    if code // 100 == 2:
        return
    reply = login.shown(f"{code} {words.decode('utf-8', 'replace')}", password)
    meant = login.refusal(reply, secret=secret)
    if meant.kind == "later":
        message = f"{server.host} takes nobody in now: {reply}"
        raise TransientError(message, code="smtp-later", now_true="the letter was not sent")
    barred = meant.kind == "barred"
    refusal_text = f"does not let {server.user} in" if barred else f"refused {server.user} or its password"
    # The letter is not at fault: it waits until this is mended, as it does when the server is silent.
    raise TransientError(
        f"{server.host} {refusal_text}: {reply}",
        code="smtp-barred" if barred else "smtp-refused-login",
        now_true="the letter was not sent",
        way_out=meant.way_out,
    )


def _authenticate(server: SmtpServer, connection: smtplib.SMTP, password: str) -> tuple[int, bytes]:
    """The server's answer to user and password, by the first way it offers and does not call unknown; each carries any letter."""
    offered = connection.esmtp_features.get("auth", "").upper().split()
    answer = None
    for way, enter in (("PLAIN", _plain), ("LOGIN", _one_by_one), ("CRAM-MD5", _challenged)):
        if way in offered and (answer is None or answer[0] in _UNKNOWN_WAY):
            answer = enter(connection, server.user, password)
    if answer is None:
        raise _no_way_in(server, offered)
    return answer


def _plain(connection: smtplib.SMTP, user: str, password: str) -> tuple[int, bytes]:
    return connection.docmd("AUTH", f"PLAIN {base64.b64encode(login.as_plain(user, password)).decode()}")


def _one_by_one(connection: smtplib.SMTP, user: str, password: str) -> tuple[int, bytes]:
    """LOGIN: each is told when it is asked for. Older servers take no name along with the word itself."""
    answer = connection.docmd("AUTH", "LOGIN")
    for word in (user, password):
        if answer[0] != _ASKS:
            break
        answer = connection.docmd(base64.b64encode(word.encode()).decode())
    return answer


def _challenged(connection: smtplib.SMTP, user: str, password: str) -> tuple[int, bytes]:
    code, challenge = connection.docmd("AUTH", "CRAM-MD5")
    if code != _ASKS:
        return code, challenge
    digest = hmac.new(password.encode(), base64.b64decode(challenge), "md5").hexdigest()
    return connection.docmd(base64.b64encode(f"{user} {digest}".encode()).decode())


def _no_way_in(server: SmtpServer, offered: list[str]) -> PermanentError:
    if not offered:
        message = f"{server.host} offers no login at port {server.port}"
        way_out = "port: 587 (tls: starttls) or 465 (tls: ssl); a server that wants none: smtp-auth: none"
    else:
        message = f"{server.host} takes no password, only {', '.join(sorted(set(offered)))}"
        way_out = "send through a server that takes one, or a relay of your own"
    return PermanentError(message, code="smtp-no-login", now_true="the letter was not sent", way_out=way_out)


def _content(server: SmtpServer, connection: smtplib.SMTP, body: bytes) -> None:
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
    code, words = answer
    if code // 100 not in {2, 4, 5}:
        raise UnknownOutcome(
            f"{server.host} answered the letter with {code} {one_line(words.decode('utf-8', 'replace'))}",
            code="smtp-odd",
            now_true="the server may or may not have taken the letter",
            way_out="look into your Sent folder or ask the recipient, then answer the card",
        )
    # A 4yz to the final dot says that the server did not take the letter (RFC 5321, 4.2.5): it is handed over again as it is.
    _expect(server, answer, 2)


def _expect(server: SmtpServer, answer: tuple[int, bytes], first: int) -> None:
    code, words = answer
    if code // 100 != first:
        raise _refusal(server, code, words)


def _refusal(server: SmtpServer, number: int, words: bytes | str, *, door: bool = False) -> EngineError:
    """A no for good is about the letter; said at the door, before it was shown, it is about us, and the letter waits."""
    reply = one_line(words.decode("utf-8", "replace") if isinstance(words, bytes) else words)
    message = f"{server.host} answered {number} {reply}"
    if 500 <= number < 600 and not door:
        return PermanentError(message, code="smtp-refused", now_true="the letter was not sent")
    # Later for this letter, which says that the server works, or for everybody.
    code = "smtp-turned-away" if door else "smtp-later"
    return TransientError(message, code=code, now_true="the letter was not sent")


@contextmanager
def _refusals(server: SmtpServer, *, door: bool = False) -> Iterator[None]:
    """What can go wrong before the content leaves; nothing was sent in any of these cases. `door`: before the letter is spoken of."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _refusal(server, error.smtp_code, error.smtp_error, door=door) from error
    except ssl.SSLCertVerificationError as error:
        # Certificates expire and are renewed; the letter has no part in it.
        why, way_out = certificates.explanation(error, setting="host", host=server.host)
        raise TransientError(
            f"{server.host} can't be trusted: {why}",
            code="smtp-unsafe",
            now_true="the letter was not sent",
            way_out=way_out,
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise TransientError(
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
