"""A mail server with TLS and a password, on this machine only."""

import ipaddress
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Postbox:
    """What it was given, and by whom."""

    def __init__(self, user: str, password: str) -> None:
        self.given: list[bytes] = []
        self.logins = 0
        self._known = (user.encode(), password.encode())

    async def handle_DATA(self, _server, _session, envelope):
        self.given.append(envelope.original_content)
        return "250 OK"

    def login(self, _server, _session, _envelope, _mechanism, data):
        good = (data.login, data.password) == self._known
        self.logins += good
        return AuthResult(success=good)


class _Server(Controller):
    """The system chooses the port; the library would knock at port 0, without TLS, to see whether it is up."""

    def _trigger_server(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(_place(self)) as plain,
            context.wrap_socket(plain) as knock,
        ):
            knock.recv(1)


def _place(server: Controller) -> tuple[str, int]:
    found: tuple[str, int] = getattr(server.server, "sockets")[0].getsockname()  # noqa: B009 - typed as a server without sockets
    return found


@contextmanager
def serving(box: Postbox, folder: Path) -> Iterator[tuple[int, Path]]:
    """The port it serves, and the certificate that a client must trust."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with warnings.catch_warnings():
        # The library warns about its own `loop` argument.
        warnings.simplefilter("ignore")
        controller = _Server(
            box,
            hostname="127.0.0.1",
            port=0,
            ssl_context=context,
            authenticator=box.login,
            auth_required=True,
            auth_require_tls=False,
        )
        controller.start()
        try:
            yield _place(controller)[1], certificate
        finally:
            controller.stop()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, secret = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(pem, plain, serialization.NoEncryption()))
    return certificate, secret
