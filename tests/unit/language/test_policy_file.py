from pathlib import Path

import pytest

from engine.language.documents import policy
from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink
from engine.model.definitions.diagnostics import Severity
from engine.model.definitions.settings import Cap, Consent, MayRun, PolicyRules, QuietHours
from engine.model.definitions.types import MONEY
from engine.model.values.money import Money
from tests.unit.language.mending import codes, mended

STARTER = Path(__file__).parents[3] / "vault" / "policy.yaml"
AMOUNT = Param(name="amount", type=MONEY, sink=Sink.AMOUNT)


def spec(name, *params, kind=EffectClass.IDEMPOTENT, reach=Reach.PAYMENT):
    return ActionSpec(name=name, summary="", kind=kind, params=params, reach=reach)


ACTIONS = {
    one.name: one
    for one in (
        spec("email/acknowledge", reach=Reach.LOW),
        spec("email/reply", reach=Reach.LOW),
        spec("payments/request", AMOUNT, reach=Reach.LOW),
        spec("stripe/refund", AMOUNT),
        spec("stripe/find", AMOUNT, kind=EffectClass.READ),
        spec("contracts/pay", AMOUNT, reach=Reach.LEGAL),
    )
}


def parse(text: str, actions=ACTIONS, purposes=("marketing",)):
    around = policy.PolicyContext(actions=actions, purposes=purposes)
    return policy.parse("vault/policy.yaml", text.encode(), context=around)


def test_the_starter_is_read():
    rules, diagnostics = policy.parse(
        "vault/policy.yaml", STARTER.read_bytes(), context=policy.PolicyContext(actions=ACTIONS)
    )

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
        ("deny: [email/replay]\n", "SW072"),
        ("may-run:\n  - { action: stripe/refnud, up-to: 2 EUR, per-day: 6 EUR }\n", "SW072"),
        ("caps:\n  - { action: email/replay, count-per-day: 3 }\n", "SW072"),
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
        ("deny: [parcels/*]\n", "SW072"),
    ],
)
def test_what_is_refused(text, code):
    rules, diagnostics = parse(text)

    assert codes(diagnostics) == [code]
    assert rules is None


def test_exceptions_quiet_hours_and_consent_as_written():
    rules, diagnostics = parse(
        "may-run:\n"
        "  - { action: stripe/refund, up-to: 20 EUR, per-day: 60 EUR }\n"
        'quiet-hours: { reach: [customer, low], from: "20:00", to: "08:00", days: [sun, sat] }\n'
        "consent: { purpose: marketing, unless: double-opt-in }\n"
    )

    assert diagnostics == ()
    assert rules == PolicyRules(
        may_run=(
            MayRun(
                action="stripe/refund",
                up_to=Money(minor=2000, currency="EUR"),
                per_day=Money(minor=6000, currency="EUR"),
            ),
        ),
        quiet=QuietHours(reach=(Reach.CUSTOMER, Reach.LOW), begins=1200, ends=480, days=(5, 6)),
        consent=Consent(purpose="marketing", unless="double-opt-in"),
    )


def test_a_time_needs_no_quotes():
    rules, diagnostics = parse("quiet-hours: { reach: [customer], from: 20:00, to: 08:00 }\n")

    assert diagnostics == ()
    assert rules is not None
    assert rules.quiet == QuietHours(reach=(Reach.CUSTOMER,), begins=1200, ends=480)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("may-run:\n  - { action: stripe/*, up-to: 2 EUR, per-day: 6 EUR }\n", "SW053"),
        ("may-run:\n  - { action: stripe/refund, up-to: 2 EUR }\n", "SW051"),
        ("may-run:\n  - { action: stripe/refund, per-day: 6 EUR }\n", "SW051"),
        ("may-run:\n  - { action: stripe/refund, up-to: 2 EUR, per-day: 6 USD }\n", "SW053"),
        ("may-run:\n  - { action: stripe/refund, up-to: 2, per-day: 6 EUR }\n", "SW053"),
        ("may-run: [stripe/refund]\n", "SW052"),
        ("may-run:\n  - { action: email/reply, up-to: 2 EUR, per-day: 6 EUR }\n", "SW073"),
        ("may-run:\n  - { action: stripe/find, up-to: 2 EUR, per-day: 6 EUR }\n", "SW073"),
        ("may-run:\n  - { action: contracts/pay, up-to: 2 EUR, per-day: 6 EUR }\n", "SW073"),
        ("may-run:\n  - { action: parcels/send, up-to: 2 EUR, per-day: 6 EUR }\n", "SW072"),
        ('quiet-hours: { from: "20:00", to: "08:00" }\n', "SW051"),
        ("quiet-hours: { reach: [customer] }\n", "SW075"),
        ("quiet-hours: { reach: [customer], days: [] }\n", "SW075"),
        ("quiet-hours: { reach: [], days: [sat] }\n", "SW075"),
        ('quiet-hours: { reach: [customer], from: "20:00" }\n', "SW075"),
        ('quiet-hours: { reach: [customer], from: "20:00", to: "20:00" }\n', "SW075"),
        ('quiet-hours: { reach: [customer], from: "8pm", to: "08:00" }\n', "SW053"),
        ('quiet-hours: { reach: [customer], from: "24:00", to: "08:00" }\n', "SW053"),
        ("quiet-hours: { reach: [customer], days: [sunday, sat] }\n", "SW053"),
        ("quiet-hours: at night\n", "SW052"),
        ("consent: { purpose: marketing }\n", "SW051"),
        ("consent: { unless: double-opt-in }\n", "SW051"),
        ("consent: { purpose: marketing, unless: Yes please }\n", "SW053"),
        ("consent: marketing\n", "SW052"),
    ],
)
def test_a_rule_that_could_not_be_kept_is_refused(text, code):
    rules, diagnostics = parse(text)

    assert codes(diagnostics) == [code]
    assert rules is None


def test_a_purpose_that_no_template_has_is_said_and_the_rule_holds():
    rules, diagnostics = parse("consent: { purpose: marketing, unless: yes }\n", purposes=())

    assert [(one.code, one.severity) for one in diagnostics] == [("SW074", Severity.WARNING)]
    assert rules is not None
    assert rules.consent == Consent(purpose="marketing", unless="yes")


def test_without_the_list_of_actions_any_well_formed_one_passes():
    rules, diagnostics = parse("deny: [anything/at-all]\n", actions=None)

    assert diagnostics == ()
    assert rules is not None
