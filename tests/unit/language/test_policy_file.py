from pathlib import Path

import pytest

from engine.language import policy_file
from engine.model.actions import Reach
from engine.model.config import Cap, PolicyRules
from engine.model.money import Money
from tests.unit.language.mending import codes, mended

STARTER = Path(__file__).parents[3] / "vault" / "policy.yaml"
ACTIONS = ("email/acknowledge", "email/reply", "payments/request")


def parse(text: str, actions=ACTIONS):
    return policy_file.parse("vault/policy.yaml", text.encode(), actions=actions)


def test_the_starter_is_read():
    rules, diagnostics = policy_file.parse("vault/policy.yaml", STARTER.read_bytes(), actions=ACTIONS)

    assert diagnostics == ()
    assert rules is not None
    assert rules.always_ask == (Reach.PAYMENT, Reach.LEGAL)
    assert rules.deny == ()
    assert len(rules.caps) == 3


def test_a_policy_as_written():
    rules, diagnostics = parse(
        "always-ask: [customer, payment, legal]\n"
        "deny: [payments/*]\n"
        "caps:\n"
        "  - { action: payments/request, each: 500 EUR, per-day: 1000.50 EUR }\n"
        "  - { action: email/*, count-per-day: 60 }\n"
    )

    assert diagnostics == ()
    assert rules == PolicyRules(
        always_ask=(Reach.CUSTOMER, Reach.PAYMENT, Reach.LEGAL),
        deny=("payments/*",),
        caps=(
            Cap(
                action="payments/request",
                each=Money(minor=50000, currency="EUR"),
                per_day=Money(minor=100050, currency="EUR"),
            ),
            Cap(action="email/*", count_per_day=60),
        ),
    )


def test_an_empty_file_keeps_the_floor():
    assert parse("") == (PolicyRules(), ())


def test_an_empty_list_of_floors_is_an_empty_list():
    rules, _ = parse("always-ask: []\n")

    assert rules is not None
    assert rules.always_ask == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("alway-ask: [legal]\n", "SW050"),
        ("caps:\n  - { action: email/reply, count-per-dya: 3 }\n", "SW050"),
        ("deny: email/reply\n", "SW052"),
        ('caps:\n  - { action: email/reply, count-per-day: "3" }\n', "SW052"),
        ("always-ask: [payments]\n", "SW053"),
        ("may-run:\n  - { action: email/reply, up-to: 20 EUR }\ndeny: []\n", "SW070"),
        ('quiet-hours: { reach: [customer], from: "20:00" } # at night\n', "SW070"),
        ("deny: []\nconsent: { purpose: marketing }", "SW070"),
        ("deny: [email/replay]\n", "SW072"),
    ],
)
def test_the_printed_fix_removes_the_diagnostic(text, code):
    _, diagnostics = parse(text)
    assert codes(diagnostics) == [code]

    _, after = parse(mended(text.encode(), diagnostics[0]).decode())

    assert after == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("tea: []\n", "SW050"),
        ("caps:\n  - { each: 5 EUR }\n", "SW051"),
        ("caps: { action: email/reply, each: 5 EUR }\n", "SW052"),
        ("caps: [email/reply]\n", "SW052"),
        ("caps:\n  - { action: email/reply, count-per-day: 1.5 }\n", "SW052"),
        ("always-ask: [everything]\n", "SW053"),
        ("deny: [reply]\n", "SW053"),
        ("deny: ['*/*']\n", "SW053"),
        ("caps:\n  - { action: email/reply, each: 5 }\n", "SW053"),
        ("caps:\n  - { action: email/reply, each: -5 EUR }\n", "SW053"),
        ("caps:\n  - { action: email/reply, count-per-day: -1 }\n", "SW053"),
        ("caps:\n  - { action: email/reply }\n", "SW071"),
        ("deny: [stripe/*]\n", "SW072"),
    ],
)
def test_what_is_refused(text, code):
    rules, diagnostics = parse(text)

    assert codes(diagnostics) == [code]
    assert rules is None


def test_a_policy_that_is_not_kept_is_never_accepted_in_silence():
    for key in policy_file.NOT_ENFORCED:
        rules, diagnostics = parse(f"{key}: []\n")
        assert rules is None
        assert "not enforced in this version" in diagnostics[0].message


def test_without_the_list_of_actions_any_well_formed_one_passes():
    rules, diagnostics = parse("deny: [stripe/refund]\n", actions=())

    assert diagnostics == ()
    assert rules is not None
