"""Proofs that a person, and not merely a program of theirs, decided: strength 2.

A passphrase becomes an Ed25519 key through scrypt; only the public half is kept, so reading the key store is not enough to sign.
The signature covers the request's id, kind, target and digest. A TOTP code (RFC 6238) counts once: its time step is remembered.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from engine.model.errors import Refused
from engine.model.requests import Request

# scrypt cost (RFC 7914): about 0.1 s and 32 MB, once per decision.
_N, _R, _P = 2**15, 8, 1


class Vault(Protocol):
    """Where verifiers are kept, sealed (the key store)."""

    def put_secret(self, name: str, secret: bytes) -> None:
        """Keep it."""

    def get_secret(self, name: str) -> bytes | None:
        """What was kept."""


def message(request: Request) -> bytes:
    """The bytes a proof covers."""
    return json.dumps([request.id, request.kind, request.target, request.digest]).encode()


def _seed(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=2**27, dklen=32)


def enrol_passphrase(vault: Vault, passphrase: str, *, salt: bytes) -> None:
    """Keep the verifier of `passphrase`. Raises Refused when it is shorter than 8 characters."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(passphrase) < 8:
        raise Refused(
            "a passphrase needs at least 8 characters",
            code="weak",
            way_out="steward secrets enrol passphrase",
        )
    public = Ed25519PrivateKey.from_private_bytes(_seed(passphrase, salt)).public_key().public_bytes_raw()
    vault.put_secret("strength-passphrase", json.dumps({"salt": salt.hex(), "public": public.hex()}).encode())


def enrol_totp(vault: Vault, seed: str) -> None:
    """Keep a TOTP seed (base 32)."""
    vault.put_secret("strength-totp", seed.encode())


def prove_passphrase(vault: Vault, passphrase: str, request: Request) -> str:
    """A signature over `request`, made in the process of the person who typed the passphrase."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    enrolled = json.loads(vault.get_secret("strength-passphrase") or b"{}")
    if not enrolled:
        raise Refused(
            "no passphrase is enrolled", code="not-enrolled", way_out="steward secrets enrol passphrase"
        )
    key = Ed25519PrivateKey.from_private_bytes(_seed(passphrase, bytes.fromhex(enrolled["salt"])))
    return f"passphrase:{key.sign(message(request)).hex()}"


def verify(vault: Vault, request: Request, *, now: datetime, used: Callable[[str], bool]) -> str:
    """The name under which this proof must never count again; empty when it proves nothing."""
    method, _, proof = request.proof.partition(":")
    if method == "passphrase":
        return _signature(vault, request, proof)
    if method == "totp":
        return _code(vault, proof, now=now, used=used)
    return ""


def _signature(vault: Vault, request: Request, proof: str) -> str:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    enrolled = json.loads(vault.get_secret("strength-passphrase") or b"{}")
    if not enrolled:
        return ""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(enrolled["public"])).verify(
            bytes.fromhex(proof), message(request)
        )
    except (InvalidSignature, ValueError):
        return ""
    return f"passphrase:{request.id}"


def _code(vault: Vault, code: str, *, now: datetime, used: Callable[[str], bool]) -> str:
    import pyotp

    seed = vault.get_secret("strength-totp")
    if seed is None:
        return ""
    totp = pyotp.TOTP(seed.decode())
    step = int(now.timestamp()) // totp.interval
    for candidate in (step, step - 1, step + 1):
        name = f"totp:{candidate}"
        if pyotp.utils.strings_equal(totp.generate_otp(candidate), code):
            return "" if used(name) else name
    return ""
