"""Exceptions, quiet hours and consent of vault/policy.yaml, kept in whole runs: what would leave at noon asks at night, and so on."""

from datetime import timedelta

import pytest

from engine.model.events import events as e
from engine.testing.scenario import letter

AUTO = """\
name: Auto
stage: auto
on: { manual: {} }
steps:
  - id: tell
    uses: provider/customer
    with: { text: good evening }
"""
HELD = AUTO + "    undo-within: 20s\n"
NIGHTS = 'quiet-hours: { reach: [customer], from: "20:00", to: "08:00" }\n'

PAY = """\
name: Pay
stage: auto
on: { manual: {} }
steps:
  - id: pay
    uses: payments/request
    reach: payment
    with: { items: [{ what: a fee, amount: 20 EUR }] }
"""
TWICE = PAY + (
    "  - id: again\n    needs: []\n    uses: payments/request\n    reach: payment\n"
    "    with: { items: [{ what: another fee, amount: 20 EUR }] }\n"
)
UP_TO = "may-run:\n  - { action: payments/request, up-to: 20 EUR, per-day: 60 EUR }\n"

NEWS = """\
name: News
stage: auto
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - id: news
    uses: email/reply
    with: { template: news }
"""
CONSENT = "consent: { purpose: marketing, unless: double-opt-in }\n"
TEMPLATE = "---\nsubject: News\npurpose: marketing\n---\nWe have news.\n"
YES = "---\nname: Ada Byron\nemail: ada@example.org\nconsent: [double-opt-in]\n---\n"
NO = YES.replace("consent: [double-opt-in]\n", "")
QUESTION = letter("Hello", "What is new?")


def last_rule(company):
    return [one.body.rule for one in company.events() if isinstance(one.body, e.EffectGated)][-1]


def status(company):
    """How each step stands, run by run: `carded` waits for a person."""
    return [step.status for run in company.runs() for step in run.steps.values()]


def at(company, hour, minute=0, second=0):
    """Go on to the next such moment of the workspace's own day (Europe/Warsaw: one hour ahead in winter)."""
    wanted = timedelta(hours=hour - 1, minutes=minute, seconds=second)
    now = company.clock.now()
    today = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
    company.clock.advance((wanted - today) % timedelta(days=1))


# ---------------------------------------------------------------- quiet hours


@pytest.fixture
def evening(supplied):
    def make(text, policy=NIGHTS):
        company = supplied(auto=text)
        company.commit({"vault/policy.yaml": policy})
        return company

    return make


def test_by_day_it_acts_on_its_own_and_at_night_it_asks(evening, provider):
    company = evening(AUTO)
    company.start("auto")
    assert list(provider.effects().values()) == [1]

    at(company, 21)
    company.start("auto")

    assert len(provider.effects()) == 1
    assert last_rule(company) == "quiet-hours"
    (shown,) = company.cards()
    assert (
        "it is Mon 21:00, and reach customer is quiet 20:00-08:00" in shown.content["members"][0]["because"]
    )


def test_a_card_of_the_night_may_be_approved_in_the_night(evening, provider):
    company = evening(AUTO)
    at(company, 23)
    company.start("auto")

    company.approve(company.cards()[0])

    assert len(provider.effects()) == 1
    assert status(company) == ["succeeded"]


def test_what_is_held_into_the_quiet_hours_asks_instead_of_leaving(evening, provider):
    company = evening(HELD)
    at(company, 19, 59, 50)

    company.start("auto")
    company.later(timedelta(minutes=1))

    assert provider.effects() == {}
    assert last_rule(company) == "quiet-hours"
    assert len(company.cards()) == 1
    assert status(company) == ["carded"]


def test_another_reach_is_not_quiet(evening, provider):
    company = evening(AUTO.replace("provider/customer", "provider/idempotent"))
    at(company, 21)

    company.start("auto")

    assert len(provider.effects()) == 1


# ---------------------------------------------------------------- may-run


@pytest.fixture
def till(company):
    def make(text, policy=UP_TO):
        company.commit({"playbooks/pay.yaml": text, "vault/policy.yaml": policy})
        return company

    return make


def test_three_payments_run_alone_the_fourth_of_the_day_asks_and_tomorrow_runs_again(till):
    company = till(PAY)

    for _ in range(4):
        company.start("pay")
    assert status(company) == ["succeeded", "succeeded", "succeeded", "carded"]
    assert last_rule(company) == "always-ask"

    company.clock.advance(timedelta(days=1))
    company.start("pay")
    assert status(company)[-1] == "succeeded"
    assert last_rule(company) == "may-run payments/request"


def test_two_at_once_that_are_too_much_together_are_one_payment_and_one_question(till):
    company = till(TWICE, UP_TO.replace("per-day: 60 EUR", "per-day: 30 EUR"))

    company.start("pay")

    assert sorted(status(company)) == ["carded", "succeeded"]
    assert sum(isinstance(one.body, e.EffectSucceeded) for one in company.events()) == 1
    assert len(company.cards()) == 1


def test_a_higher_amount_and_a_lower_stage_ask(till):
    company = till(PAY.replace("20 EUR", "20.01 EUR"))
    company.start("pay")
    company.commit({"playbooks/pay.yaml": PAY.replace("stage: auto", "stage: approval")})
    company.start("pay")

    assert status(company) == ["carded", "carded"]


# ---------------------------------------------------------------- consent


@pytest.fixture
def news(company):
    def make(contact, policy=CONSENT):
        company.commit(
            {
                "playbooks/lead-capture.yaml": NEWS,
                "vault/templates/news.md": TEMPLATE,
                "vault/knowledge/contacts/ada-byron.md": contact,
                "vault/policy.yaml": policy,
            }
        )
        company.drop("one", QUESTION)
        return company

    return make


def letters(company):
    return [name for name in company.outbox() if b"We have news" in company.outbox()[name]]


def test_who_agreed_gets_the_letter(news):
    company = news(YES)

    company.run()

    assert len(letters(company)) == 1


def test_who_did_not_agree_gets_none_and_the_run_says_why(news):
    company = news(NO)

    company.run()

    assert letters(company) == []
    (run,) = company.runs()
    assert run.step("news").code == "denied: consent marketing"


def test_consent_taken_back_before_the_letter_leaves_keeps_it_here_although_it_was_approved(news):
    company = news(YES, CONSENT + "always-ask: [low, customer, payment, legal]\n")
    company.run()
    (shown,) = company.cards()
    company.commit({"vault/knowledge/contacts/ada-byron.md": NO})

    company.approve(shown)

    assert letters(company) == []
    assert company.runs()[0].step("news").code == "denied: consent marketing"


def test_a_template_of_another_purpose_needs_no_consent(news):
    company = news(NO, CONSENT.replace("marketing", "surveys"))

    company.run()

    assert len(letters(company)) == 1
