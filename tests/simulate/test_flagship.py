"""The flagship as a golden case: the demo's letters through lead-capture, and what must never happen there."""

import base64
import email
import email.policy
import shutil
from collections import Counter

import pytest

from engine.app.setup.new_workspace import LETTERS
from engine.connectors.email.message.mime_writer import undated
from engine.model.events import events as e
from engine.testing.scenario import Scenario
from tests.campaigns.invariants import judge

# Letter → how its run stands, what it was taken for, reach of the card, letters that left by themselves.
GOLDEN = {
    "01-quote": ("approval", "quote", "customer", 1),
    "02-contract": ("approval", "contract", "legal", 1),
    "03-payment": ("approval", "payment", "payment", 1),
    "04-support": ("approval", "support", "customer", 1),
    "05-spam": ("succeeded", "spam", "", 0),
    "06-out-of-office": None,
    "07-newsletter": None,
    "08-german": ("approval", "quote", "customer", 1),
    "09-html-only": ("approval", "unsure", "customer", 0),
    "10-brief-attached": ("approval", "quote", "customer", 1),
    "11-broken-headers": ("approval", "support", "customer", 1),
    "12-refund": ("approval", "refund", "customer", 1),
    "13-new-account": ("approval", "unsure", "customer", 0),
    "14-the-first-one-again": None,
}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    company = Scenario.make(tmp_path_factory.mktemp("flagship") / "company")
    company.enrol()
    for file in sorted(LETTERS.glob("*.eml")):
        company.drop(file.stem, file.read_bytes())
    company.run()
    return company.folder


@pytest.fixture
def inbox(read, tmp_path):
    """A copy of the company that has read the demo's letters."""
    return Scenario.at(shutil.copytree(read, tmp_path / "company", symlinks=True))


def effects_of(company, run) -> list[str]:
    return [ev.step for ev in company.events() if ev.run == run.id and isinstance(ev.body, e.EffectIntended)]


def test_every_letter_becomes_what_the_golden_case_says(inbox):
    started = [stem for stem, expected in GOLDEN.items() if expected]
    runs = inbox.runs()
    cards = {shown.card.run: shown for shown in inbox.cards()}
    found = {}
    for stem, run in zip(started, runs, strict=True):
        intent = inbox.value(run.steps["intent"].outputs)
        card = cards.get(run.id)
        reach = card.content["members"][0]["reach"] if card else ""
        left = [step for step in effects_of(inbox, run) if step == "acknowledge"]
        found[stem] = (run.waiting or run.status, intent["name"], reach, len(left))
    assert found == {stem: expected for stem, expected in GOLDEN.items() if expected}
    assert inbox.book().ignored == {"auto-submitted": 1, "list": 1, "duplicate": 1}


def test_spam_makes_no_effect_no_card_and_no_wait(inbox):
    spam = next(r for r in inbox.runs() if inbox.value(r.steps["intent"].outputs)["name"] == "spam")
    kinds = Counter(ev.type for ev in inbox.events() if ev.run == spam.id)
    assert (spam.status, spam.reason) == ("succeeded", "ended by not-for-us")
    assert not [kind for kind in kinds if kind.startswith(("effect.", "card.", "wait.", "human."))]


def test_only_acknowledgements_left_and_to_their_own_senders_only(inbox):
    senders = Counter(inbox.value(run.event)["from"] for run in inbox.runs())
    left = [email.message_from_bytes(data) for data in inbox.outbox().values()]
    assert len(left) == sum(expected[3] for expected in GOLDEN.values() if expected)
    for one in left:
        assert email.utils.parseaddr(one["To"])[1] in senders
        assert one["Auto-Submitted"] == "auto-replied"
    assert {ev.step for ev in inbox.events() if isinstance(ev.body, e.EffectIntended)} == {
        "acknowledge", "contract", "payment-link",
    }  # fmt: skip


def test_a_second_look_at_the_same_inbox_starts_nothing(inbox):
    def made():
        return sum(isinstance(event.body, e.RunCreated) for event in inbox.events())

    before = made()
    inbox.run()
    for file in sorted(LETTERS.glob("*.eml")):
        inbox.drop(f"copy-of-{file.stem}", file.read_bytes())
    inbox.run()
    assert made() == before


def test_nothing_above_low_leaves_without_an_approval_and_the_ledger_holds(inbox):
    for shown in inbox.cards():
        assert inbox.approve(shown).verdict == "accepted"
    assert inbox.cards() == []
    assert len(inbox.outbox()) == 8 + 10
    verdict = judge(inbox.folder)
    assert verdict.violations == ()


def test_what_left_is_byte_for_byte_what_was_shown(inbox):
    shown, before = inbox.cards(), set(inbox.outbox())
    runs = {run.id: run for run in inbox.runs()}
    proposals = [
        inbox.value(runs[one.card.run].step(step).proposal) for one in shown for step in one.card.steps
    ]
    frozen = {base64.b64decode(one["preview"]["body"]) for one in proposals}
    for one in shown:
        inbox.approve(one)
    outbox = inbox.outbox()
    assert {undated(outbox[name]) for name in set(outbox) - before} == frozen
    for one in shown:
        body = next(data for data in frozen if one.content["letter"]["from"] in address_of(data))
        message = email.message_from_bytes(body, policy=email.policy.default)
        words = message.get_body(("plain",))
        assert words is not None
        assert words.get_content().replace("\r\n", "\n").startswith(one.text)


def address_of(letter: bytes) -> str:
    return str(email.message_from_bytes(letter)["To"])
