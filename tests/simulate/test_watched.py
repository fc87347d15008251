"""A mailbox on a mail server starts watched: each kind of effect asks until a person approved one, and what lies on this machine does not."""

import argparse

import pytest

from engine.cli.commands import approvals
from engine.cli.main import main
from engine.connectors.email.mailboxes import Mailboxes
from engine.kernel.core.fold import fold
from engine.testing.scenario import Scenario, letter

WORDS = "Could you give us a quote for a website check?"
ALONE = """\
name: Alone
stage: auto
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: answer, uses: email/reply, with: { template: just-checking } }
  - { id: tell, uses: notify/me, with: { text: hello } }
"""


@pytest.fixture
def company(tmp_path, monkeypatch):
    """One whose letters come by the folder on a server that `company.box` marks; the marks are all that is not real here."""
    made = Scenario.make(tmp_path / "c")
    boxes = {"now": "box-1"}
    monkeypatch.setattr(Mailboxes, "origin", lambda _self, _place: boxes["now"])
    return made, boxes


def ask(made, number):
    made.drop(
        f"l{number}",
        letter(
            f"Website {number}", WORDS, sender=f"Ann <ann{number}@example.org>", id=f"l{number}@example.org"
        ),
    )
    made.run()


def acknowledgements(made):
    return [card for card in made.cards() if card.card.gate == "acknowledge"]


def left(made):
    return sum(b"Auto-Submitted" in data for data in made.outbox().values())


def test_the_first_acknowledgement_asks_and_the_next_goes_alone(company, monkeypatch, capsys):
    made, _ = company
    ask(made, 1)
    (card,) = acknowledgements(made)
    assert left(made) == 0
    because = card.content["members"][0]["because"]
    assert because == "the mailbox it answers is new: email/acknowledge asks until you approved it once there"
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.root)
    assert approvals.show(argparse.Namespace(id=card.card.id, json=False, save=None)) == 0
    assert "the mailbox it answers is new" in capsys.readouterr().out

    made.approve(card)
    made.run()
    assert left(made) == 1
    ask(made, 2)
    assert (acknowledgements(made), left(made)) == ([], 2)
    with made.reading() as reading:
        assert (
            fold(reading.ledger.events()).vouched == reading.book.vouched == {("box-1", "email/acknowledge")}
        )


def test_a_no_an_expiry_and_another_kind_vouch_for_nothing(company):
    made, _ = company
    ask(made, 1)
    (card,) = acknowledgements(made)
    made.ask("reject", target=card.card.id)
    (offer,) = made.cards()
    made.approve(offer)  # an answer is another kind
    ask(made, 2)
    assert (len(acknowledgements(made)), left(made)) == (1, 0)
    assert made.book().vouched == {("box-1", "email/reply")}


def test_every_mailbox_is_new_once_and_a_folder_here_never(company):
    made, boxes = company
    ask(made, 1)
    made.approve(acknowledgements(made)[0])
    boxes["now"] = "box-2"
    ask(made, 2)
    assert len(acknowledgements(made)) == 1
    boxes["now"] = ""
    ask(made, 3)
    assert (len(acknowledgements(made)), left(made)) == (1, 2)


def test_at_stage_auto_it_asks_too_and_a_notice_to_oneself_does_not(company):
    made, _ = company
    made.commit({"playbooks/alone.yaml": ALONE})
    ask(made, 1)
    (run,) = made.runs("alone")
    assert (run.step("answer").status, run.step("answer").rule) == ("carded", "watched")
    card = next(one for one in made.cards() if one.card.run == run.id)
    made.approve(card)
    ask(made, 2)
    second = made.runs("alone")[1]
    assert second.step("answer").status == "succeeded"
    assert made.runs("alone")[0].step("tell").status == "succeeded"


def test_a_run_that_a_watched_one_caused_is_watched(company):
    made, _ = company
    follows = ALONE.replace("name: Alone", "name: Follows").replace(
        "email: { mailbox: leads }", "event: { type: email/sent }"
    )
    follows = follows.replace("${{ event.from }}", "${{ event.to }}")
    follows = follows.replace(
        "template: just-checking", "template: just-checking, thread: '${{ event.thread }}'"
    )
    made.commit({"playbooks/follows.yaml": follows})
    ask(made, 1)
    made.approve(acknowledgements(made)[0])
    made.run()
    caused = made.runs("follows")
    assert caused
    assert all(run.origin == "box-1" for run in caused)
    assert caused[0].step("answer").rule == "watched"


def test_plan_says_so_where_the_mailbox_lies_on_a_server(tmp_path, monkeypatch, capsys):
    made = Scenario.make(tmp_path / "c")
    monkeypatch.chdir(made.root)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    assert main(["plan", "lead-capture"]) == 0
    assert "is new" not in capsys.readouterr().out
    block = "connectors:\n  email: { host: mail.example.com, user: r@example.com, password: '${{ secrets.MAIL }}', mailboxes: { leads: INBOX } }\n"
    settings = made.root / "steward.yaml"
    settings.write_text(settings.read_text() + block)
    assert main(["plan", "lead-capture"]) == 0
    assert (
        "by letters of leads on a mail server: while that is new, each kind that leaves asks once"
        in capsys.readouterr().out
    )
