"""Letters and files that were read by half, and letters that the operator answered from a program of their own."""

from datetime import timedelta

import pytest

from engine.model.events.events import CardClosed, RunCreated
from engine.testing.scenario import Scenario, letter
from tests.simulate.letterbox import ANNA, WAITS, WORDS, first, ours, rows
from tests.simulate.terminal import environment, plainly

pytestmark = pytest.mark.slow


@pytest.fixture
def company(tmp_path):
    return Scenario.make(tmp_path / "company", files={"playbooks/mail.yaml": WAITS}, bare=True)


# -- files and letters that were read by half


DROP = """\
name: Drop
stage: approval
on:
  file: { path: "vault/inbox/drop/*.*" }
steps:
  - id: read
    uses: human/ask
    with: { title: "${{ event.path }}", choices: [a, b] }
"""


def test_a_file_that_grew_supersedes_the_run_that_began_with_its_beginning(tmp_path):
    company = Scenario.make(tmp_path / "company", files={"playbooks/drop.yaml": DROP}, bare=True)
    box = company.root / "vault/inbox/drop"
    box.mkdir(parents=True)
    for size in (1, 2, 3):
        (box / "export.csv").write_text("".join(f"row {n}\n" for n in range(size)))
        company.run()
    assert [(run.status, run.reason.partition(":")[0]) for run in company.runs()] == [
        ("cancelled", "superseded"),
        ("cancelled", "superseded"),
        ("running", ""),
    ]
    assert [row.kind for row in company.queue()] == ["question"]
    whole = company.value(company.runs()[-1].event)
    assert whole["file"]["size"] == 18
    # Other bytes under the name are another file, and so is what grew when its run was through.
    (box / "export.csv").write_text("something else altogether, and longer\n")
    company.run()
    assert [run.status for run in company.runs()] == ["cancelled", "cancelled", "running", "running"]


def test_what_has_left_is_not_superseded(company):
    raw = first(company)
    assert company.outbox()
    (company.root / "vault/inbox/leads/first.eml").write_bytes(raw + b"And one more thing.\n")
    company.run()
    (run,) = company.runs()
    assert run.status == "running"
    assert [kind for kind, _ in rows(company)] == ["new"]


def test_a_letter_that_was_read_by_half_is_read_anew(tmp_path):
    text = WAITS.replace("stage: auto", "stage: approval").replace(
        "{ template: just-checking }", '{ body: "Hello." }'
    )
    company = Scenario.make(tmp_path / "company", files={"playbooks/mail.yaml": text}, bare=True)
    raw = letter("Quote for a shop", WORDS, sender=ANNA, id="q1@example.org")
    box = company.root / "vault/inbox/leads"
    box.mkdir(parents=True)
    (box / "a.eml").write_bytes(raw[:-30])
    company.run()
    (before,) = company.cards()
    (box / "a.eml").write_bytes(raw)
    company.run()
    (card,) = company.cards()
    assert [run.status for run in company.runs()] == ["cancelled", "running"]
    assert card.content["letter"]["text"].strip() == WORDS.strip()
    assert [event.body.card for event in company.events() if isinstance(event.body, CardClosed)] == [
        before.card.id
    ]
    assert sum(isinstance(event.body, RunCreated) for event in company.events()) == 2
    assert [row.kind for row in company.queue()] == ["card"]


# -- what the operator answers from a program of their own


def by_hand(company, *, answers: str, words: str = "I wrote to you myself.", **headers: str) -> None:
    """A letter in the mailbox of sent ones."""
    raw = letter(
        "Re: Website check",
        words,
        sender="Robin Park <robin@example.com>",
        id="own1@example.com",
        answers=answers,
        **headers,
    )
    company.drop("own", raw, mailbox="sent")
    company.run()


@pytest.fixture
def asked(tmp_path):
    """A company with an offer on a card."""
    company = Scenario.make(tmp_path / "company")
    company.drop(
        "first",
        letter(
            "Website check",
            "Could you give us a quote for a website check?",
            sender=ANNA,
            id="s1@example.org",
        ),
    )
    company.run()
    assert len(company.cards()) == 1
    return company


def test_an_answer_from_the_operators_own_program_ends_the_card(asked):
    by_hand(asked, answers="s1@example.org")

    assert asked.cards() == []
    (card,) = asked.cards(status="answered")
    (run,) = asked.runs("lead-capture")
    assert (run.status, run.reason) == ("cancelled", "offer: answered by you")
    assert [name for name, raw in asked.outbox().items() if b"auto-replied" not in raw] == []
    decided = asked.approve(card)
    assert (decided.exit, decided.message.splitlines()[0]) == (
        5,
        "you answered this letter yourself; nothing was sent",
    )
    assert "answered by you" in plainly(["log"], cwd=asked.root, env=environment(asked.env)).text


@pytest.mark.parametrize("answers", ["another@example.org", ""])
def test_what_they_sent_in_another_conversation_ends_no_card(asked, answers):
    by_hand(asked, answers=answers)
    assert len(asked.cards()) == 1
    assert len(asked.runs("lead-capture")) == 1


def test_what_they_sent_before_the_letter_came_answers_it_not(asked):
    asked.clock.advance(-timedelta(days=1))
    by_hand(asked, answers="s1@example.org")
    assert len(asked.cards()) == 1


def test_a_letter_that_only_says_it_is_from_the_operator_ends_nothing(asked):
    raw = letter(
        "Re: Website check",
        "x",
        sender="Robin Park <robin@example.com>",
        id="own2@example.com",
        answers="s1@example.org",
    )
    asked.drop("forged", raw, mailbox="leads")
    asked.run()
    assert len(asked.cards()) == 1


def test_our_own_letter_filed_among_the_sent_ones_is_no_answer_by_hand(asked):
    (ack,) = asked.outbox().values()
    asked.drop("copy", ack, mailbox="sent")
    asked.run()
    assert len(asked.cards()) == 1
    # Nor is it news in the conversation: the card is approved as it was shown.
    assert asked.approve(asked.cards()[0]).verdict == "accepted"


def test_a_letter_in_the_queue_that_they_answered_by_hand_was_read(company):
    first(company)
    company.drop("answer", letter("Re: Quote for a shop", "Yes!", sender=ANNA, answers=ours(company)))
    company.run()
    assert [kind for kind, _ in rows(company)] == ["new"]
    by_hand(company, answers="q1@example.org")
    assert rows(company) == []


def test_a_letter_that_came_before_the_wait_began_is_seen_and_ends_it(tmp_path):
    company = Scenario.make(tmp_path / "company")
    company.drop(
        "first",
        letter(
            "Website check",
            "Could you give us a quote for a website check?",
            sender=ANNA,
            id="s1@example.org",
        ),
    )
    company.run()
    company.drop(
        "second",
        letter(
            "Re: Website check",
            "We need it by Friday.",
            sender=ANNA,
            id="s2@example.org",
            answers="s1@example.org",
        ),
    )
    company.run()
    # While the first letter waits for the operator, the second one queues behind it, in their sight.
    assert ("new", "anna@example.org: We need it by Friday.") in rows(company)
    for _ in range(2):
        # What the card was made from has changed: it asks again.
        company.approve(company.cards()[0])
    company.run()
    (card,) = company.cards()
    assert card.card.gate == "next"
    assert [one["text"].strip() for one in card.content["letters"]] == ["We need it by Friday."]
    first, second = company.runs("lead-capture")
    assert (first.step("answer").because, second.status) == ("reply", "no-op")
    assert [row.kind for row in company.queue()] == ["card"]
    said = plainly(["show", first.id[:8]], cwd=company.root, env=environment(company.env))
    assert "an answer came: We need it by Friday." in said.text


def test_an_answer_whose_server_gave_our_letter_another_id_ends_the_wait(company):
    """Some relays write a Message-ID of their own over ours, so the answer names a letter nobody here knows."""
    first(company)
    raw = letter(
        "Re: Quote for a shop",
        "Yes.",
        sender=ANNA,
        id="q2@example.org",
        answers="rewritten-by-a-relay@mail.example.net",
    )
    company.drop("answer", raw)
    company.run()
    assert company.runs()[0].step("answer").because == "reply"
