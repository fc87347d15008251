"""Proofs of strength 2: what counts, what does not, and that a code counts once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from engine.governance import second_factor
from engine.model.errors import Refused
from engine.model.requests import Request

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ASKED = Request(id="n1", kind="approve", actor="me", channel="terminal", target="C1", digest="d1")


class Store:
    """A place for verifiers."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put_secret(self, name: str, data: bytes) -> None:
        """Keep."""
        self.kept[name] = data

    def get_secret(self, name: str) -> bytes | None:
        """What was kept."""
        return self.kept.get(name)


def unused(_name: str) -> bool:
    """No proof was used before."""
    return False


def test_a_passphrase_proves_this_request_and_no_other() -> None:
    """The signature covers id, kind, target and digest."""
    store = Store()
    second_factor.enrol_passphrase(store, "amber-birch-cedar", salt=b"s" * 16)
    good = replace(ASKED, proof=second_factor.prove_passphrase(store, "amber-birch-cedar", ASKED))
    assert second_factor.verify(store, good, now=NOW, used=unused) == "passphrase:n1"
    for change in ({"digest": "d2"}, {"target": "C2"}, {"id": "n2"}, {"kind": "resume"}):
        assert second_factor.verify(store, replace(good, **change), now=NOW, used=unused) == ""  # type: ignore[arg-type]


def test_a_wrong_passphrase_or_garbage_proves_nothing() -> None:
    """Neither raises."""
    store = Store()
    second_factor.enrol_passphrase(store, "amber-birch-cedar", salt=b"s" * 16)
    wrong = second_factor.prove_passphrase(store, "amber-birch-cedaR", ASKED)
    for proof in (wrong, "", "passphrase:", "passphrase:zz", "totp:123456", "passphrase:" + "00" * 64):
        assert second_factor.verify(store, replace(ASKED, proof=proof), now=NOW, used=unused) == ""


def test_the_store_holds_nothing_that_signs() -> None:
    """Only salt and public key."""
    store = Store()
    second_factor.enrol_passphrase(store, "amber-birch-cedar", salt=b"s" * 16)
    assert b"amber" not in store.kept["strength-passphrase"]


def test_a_short_passphrase_is_refused() -> None:
    """Eight characters at least."""
    with pytest.raises(Refused):
        second_factor.enrol_passphrase(Store(), "short", salt=b"s" * 16)


def test_nobody_proves_what_is_not_enrolled() -> None:
    """And hears what to type."""
    with pytest.raises(Refused) as refused:
        second_factor.prove_passphrase(Store(), "amber-birch-cedar", ASKED)
    assert (refused.value.code, refused.value.way_out) == ("not-enrolled", "steward secrets enrol passphrase")


def test_a_code_counts_once_and_only_near_its_time() -> None:
    """RFC 6238 with one step of tolerance; the step is remembered."""
    store, seed = Store(), pyotp.random_base32()
    second_factor.enrol_totp(store, seed)
    proof = replace(ASKED, proof=f"totp:{pyotp.TOTP(seed).at(NOW)}")
    name = second_factor.verify(store, proof, now=NOW, used=unused)
    assert name.startswith("totp:")
    assert second_factor.verify(store, proof, now=NOW, used={name}.__contains__) == ""
    assert second_factor.verify(store, proof, now=NOW + timedelta(minutes=5), used=unused) == ""
