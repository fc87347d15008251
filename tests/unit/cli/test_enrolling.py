"""Secrets and proofs, as typed: what can't be kept or enrolled is refused with what to type, and nothing is kept of it."""

import argparse
import getpass
from pathlib import Path

import pytest

from engine.app.workspace import sealed_secrets
from engine.cli import context
from engine.cli.commands import stop_and_secrets
from engine.ledger import Keys
from engine.model.errors import UsageError
from engine.testing.scenario import Scenario


@pytest.mark.parametrize(
    ("action", "name", "typed", "said"),
    [
        ("enrol", "fingerprint", [], "steward secrets enrol passphrase   or   … totp"),
        ("enrol", "", [], "steward secrets enrol totp|passphrase"),
        ("set", "", [], "steward secrets set NAME"),
        ("set", "MAIL", [""], "nothing was typed"),
        ("enrol", "passphrase", ["amber-birch-cedar", "amber-birch-cedaR"], "the two differ"),
    ],
)
def test_what_is_no_secret_and_no_proof_is_kept_nowhere(
    action: str, name: str, typed: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another word is not the other method, and a slip of the finger is no passphrase."""
    company = Scenario.make(tmp_path / "c", bare=True)
    monkeypatch.setattr(context, "workspace", company.workspace)
    monkeypatch.setattr(context, "need_person", lambda _what: None)
    monkeypatch.setattr(getpass, "getpass", lambda *_, **__: typed.pop(0))
    with pytest.raises(UsageError) as refused:
        stop_and_secrets.secrets(argparse.Namespace(action=action, name=name))
    assert said in {refused.value.message, refused.value.way_out}
    keys = Keys.open(company.workspace().state)
    try:
        assert list(sealed_secrets.SealedSecrets(keys)) == []
        assert not any(keys.get_secret(f"strength-{method}") for method in ("passphrase", "totp"))
    finally:
        keys.close()
