"""Why a server's certificate is not believed, in words, and what can be done about it."""

import ssl

_KNOWN = {
    9: (
        "its certificate is not valid yet",
        "look at this machine's clock: date; if that is right, its keeper has to mend the certificate",
    ),
    10: (
        "its certificate has expired",
        "whoever keeps the server has to renew it; look at this machine's clock, too: date",
    ),
    18: (
        "its certificate is signed by itself, and nobody this machine knows vouches for it",
        "if the server is yours: export SSL_CERT_FILE=/path/to/its-certificate.pem, where steward runs",
    ),
    19: (
        "its certificate is signed by somebody this machine does not know",
        "if you know who signs there: export SSL_CERT_FILE=/path/to/their-root.pem, where steward runs",
    ),
    20: (
        "it does not show who signed its certificate, or this machine does not know them",
        "install ca-certificates; else its keeper has to send the whole chain, or export SSL_CERT_FILE=/path/to/their-root.pem",
    ),
}
_OTHER_NAME = (62, 63, 64)


def explanation(error: ssl.SSLCertVerificationError, *, setting: str, host: str) -> tuple[str, str]:
    """(what is wrong, the way out). `setting` is the key of steward.yaml that names the host."""
    code = getattr(error, "verify_code", 0)
    if code in _OTHER_NAME:
        return (
            f"its certificate is for other names than {host}",
            f"{setting} has to be the name in the server's certificate; ask your provider which that is",
        )
    if code == 21:
        code = 20
    words = " ".join(str(getattr(error, "verify_message", "") or error).split())[:200]
    return _KNOWN.get(
        code, (words, "ask whoever keeps the server; nothing was sent and no password was shown to it")
    )
