"""A certificate that is not believed is told in words, with what to do: real handshakes over a pair of sockets."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.connectors import certificates

DAY = timedelta(days=1)


def made(folder, name, *, host="mail.example.com", begins=-DAY, ends=DAY, signer=None, authority=False):
    """(path of key and certificate, key, certificate), signed by `signer` or itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    issuer_key, issuer = (signer[1], signer[2].subject) if signer else (key, subject)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now + begins).not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )  # fmt: skip
    found = builder.sign(issuer_key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(pem + found.public_bytes(serialization.Encoding.PEM))
    return path, key, found


def refused(shown, trusted=None):
    """The error of a client that trusts `trusted` and is shown `shown`."""
    ours, theirs = socket.socketpair()
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(shown)

    def serve():
        try:
            there.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with pytest.raises(ssl.SSLCertVerificationError) as error:
            ssl.create_default_context(cafile=trusted).wrap_socket(ours, server_hostname="mail.example.com")
    finally:
        ours.close()
        thread.join(10)
    return error.value


def cases(folder):
    root = made(folder, "root", authority=True)
    return {
        "expired": (made(folder, "old", begins=-3 * DAY, ends=-DAY)[0], "self", "has expired", "clock"),
        "not yet valid": (made(folder, "new", begins=DAY, ends=3 * DAY)[0], "self", "not valid yet", "clock"),
        "signed by itself": (made(folder, "own")[0], None, "signed by itself", "SSL_CERT_FILE"),
        "signed by a stranger": (made(folder, "far", signer=root)[0], None, "this machine", "SSL_CERT_FILE"),
        "of another host": (
            made(folder, "else", host="imap.example.net")[0],
            "self",
            "other names than mail.example.com",
            "imap-host has to be",
        ),
    }


@pytest.mark.parametrize(
    "name", ["expired", "not yet valid", "signed by itself", "signed by a stranger", "of another host"]
)
def test_why_and_what_to_do(name, tmp_path):
    shown, trusted, why, way_out = cases(tmp_path)[name]
    error = refused(shown, shown if trusted else None)
    said, hint = certificates.explanation(error, setting="imap-host", host="mail.example.com")
    assert why in said
    assert way_out in hint


def test_what_is_not_known_is_said_as_the_library_says_it():
    said, hint = certificates.explanation(
        ssl.SSLCertVerificationError("odd\nthings"), setting="host", host="h"
    )
    assert said.startswith("odd things") or "odd" in said
    assert "no password was shown" in hint
