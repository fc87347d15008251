"""Authenticated encryption of values, and the digests that don't give them away.

A sealed value: version byte, length and name of the subject, 12-byte nonce, AES-256-GCM ciphertext with tag. The nonce is an HMAC of the plaintext under a key of its own:
sealing needs no chance, one value of one subject has one sealed form, and two different plaintexts share a nonce as rarely as random ones.
"""

import hashlib
import hmac

from engine.model.errors import LedgerError

_VERSION = b"\x01"


def derive(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF-SHA-256, RFC 5869, without salt)."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, message, "sha256")


class Cipher:
    """Seals under the key of one subject."""

    def __init__(self, subject: str, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        name = subject.encode()
        self._header = _VERSION + bytes([len(name)]) + name
        self._aead = AESGCM(derive(key, "steward/seal"))
        self._nonces = derive(key, "steward/nonce")
        self._commitments = derive(key, "steward/commitment")

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """The sealed form; opening it needs the same context."""
        bound = self._header + context.encode()
        nonce = mac(self._nonces, hashlib.sha256(bound).digest() + plaintext)[:12]
        return self._header + nonce + self._aead.encrypt(nonce, plaintext, bound)

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The plaintext. Raises LedgerError when it was altered."""
        from cryptography.exceptions import InvalidTag

        try:
            if not sealed.startswith(self._header):
                raise InvalidTag
            start = len(self._header)
            nonce, ciphertext = sealed[start : start + 12], sealed[start + 12 :]
            return self._aead.decrypt(nonce, ciphertext, self._header + context.encode())
        except (InvalidTag, ValueError) as error:
            raise altered("a sealed value") from error

    def commitment(self, content: bytes) -> str:
        """An HMAC that stands for `content` where that must not be seen; 64 hex characters."""
        return mac(self._commitments, content).hex()


def sealed_for(sealed: bytes) -> str:
    """The subject that sealed bytes say they belong to."""
    return sealed[2 : 2 + sealed[1]].decode("ascii", "replace") if len(sealed) > 1 else ""


def altered(description: str) -> LedgerError:
    """Stored bytes are not what was written."""
    return LedgerError(
        f"{description} was altered",
        code="altered",
        now_true="nothing was changed by this attempt",
        way_out="`steward verify` names the place; restore it from a backup",
    )
