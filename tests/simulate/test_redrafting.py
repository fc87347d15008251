"""Prices, templates and notes that changed after a card was made: the card says so, and is drafted again on a word. One letter, never two."""

import json
import sqlite3
from datetime import timedelta

import pytest

from engine.app.commands import history, notebook_decisions
from engine.cli import context
from engine.cli.main import main
from engine.model.events.outages import RunRedrafted
from engine.model.values.timestamps import stamp
from engine.testing.scenario import Scenario, letter

pytestmark = pytest.mark.slow

QUOTE = "vault/templates/replies/quote.md"
PRICES = "vault/knowledge/price-list.md"
CONTACT = "vault/knowledge/contacts/ada.md"
WORDS = "Could you send me a quote for a website check? We would like a price."


@pytest.fixture
def company(tmp_path, monkeypatch, capsys):
    made = Scenario.make(
        tmp_path / "company", files={CONTACT: "---\ntype: contact\nname: Ada Byron\nemail: ada@example.org\n---\nA client.\n"}
    )  # fmt: skip
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("STEWARD_MEMORY", "off")
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(context, "now", lambda: stamp(made.clock.now()))
    return made


@pytest.fixture
def card(company):
    company.drop("1", letter("A quote", WORDS))
    company.run()
    (shown,) = company.cards()
    return shown


def typed(capsys, *words):
    capsys.readouterr()
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def changed(company, capsys, card):
    """What `queue`, `show` and the day's page say alike."""
    found = json.loads(typed(capsys, "queue", "--json")[1])["data"]
    assert [row["id"] for row in found if row["kind"] == "card"] == [card.card.id]
    listed = next(row["changed"] for row in found if row["kind"] == "card")
    assert json.loads(typed(capsys, "show", card.card.id[:8], "--json")[1])["data"]["changed"] == listed
    page = notebook_decisions.day(company.workspace(), company.clock.now())
    assert [list(row.changed) for row in page.rows if row.id == card.card.id] == [listed]
    return listed


def swap(company, path, old, new):
    text = (company.root / path).read_text()
    assert old in text
    company.commit({path: text.replace(old, new)})


def test_what_changed_and_was_read_is_told_by_queue_and_show(company, card, capsys):
    assert changed(company, capsys, card) == []
    assert "redraft" not in "".join(typed(capsys, "queue")[1:])
    text = (company.root / QUOTE).read_text()
    company.commit({QUOTE: text.replace("---\n", "---\n", 1) + "\nWith today's words.\n"})
    assert changed(company, capsys, card) == [QUOTE]
    short = next(row.short for row in company.queue())
    _, out, err = typed(capsys, "queue")
    assert "files changed" in out
    assert f"steward redraft {short}" in err
    _, _, err = typed(capsys, "show", short)
    assert QUOTE in err
    assert f"steward redraft {short}" in err
    company.commit({QUOTE: text})
    assert changed(company, capsys, card) == []


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        (PRICES, True),
        (CONTACT, True),
        (QUOTE, True),
        ("vault/templates/replies/refund.md", False),
        ("vault/templates/just-checking.md", False),
        ("vault/knowledge/contacts/somebody.md", False),
        ("vault/policy.yaml", False),
        ("README.md", False),
    ],
)
def test_only_what_the_card_was_made_from_counts(company, card, capsys, path, counts):
    file = company.root / path
    before = (
        file.read_text() if file.exists() else "---\ntype: contact\nname: Bo\nemail: bo@example.org\n---\n"
    )
    company.commit({path: before + "\n# one more line\n"})
    assert changed(company, capsys, card) == ([path] if counts else [])


def test_a_file_that_is_gone_has_changed(company, card, capsys):
    (company.root / PRICES).unlink()
    company.commit({})
    assert changed(company, capsys, card) == [PRICES]


def test_a_card_whose_plan_is_lost_is_shown_all_the_same(company, card):
    """It once took the whole page away."""
    with sqlite3.connect(company.workspace().state.ledger) as database:
        database.execute("drop trigger contents_no_delete")
        database.execute("delete from contents")
    database.close()
    page = notebook_decisions.day(company.workspace(), company.clock.now())
    assert [(row.id, list(row.changed)) for row in page.rows if row.id == card.card.id] == [
        (card.card.id, [])
    ]


def test_it_is_drafted_again_with_todays_words_and_sent_once(company, card, capsys):
    company.commit({QUOTE: (company.root / QUOTE).read_text() + "\nWith today's words.\n"})
    said = company.ask("redraft", target=card.card.id)
    assert (said.verdict, said.exit) == ("accepted", 0)
    (new,) = company.cards()
    assert new.card.id != card.card.id
    assert "With today's words." in new.text
    assert "With today's words." not in card.text
    assert any("With today's words." in line for line in new.content["since"])
    assert changed(company, capsys, new) == []
    (old,) = [one for one in company.book().cards.values() if one.id == card.card.id]
    assert (old.status, old.because) == ("closed", "redrafted")
    refused = company.approve(card)
    assert refused.verdict == "refused"
    assert "drafted again" in refused.message
    company.approve(new)
    sent = [one for one in company.outbox().values() if b"With today's words." in one]
    assert len(sent) == 1
    assert len(company.outbox()) == 2, "the acknowledgement and the reply"
    (run,) = company.runs("lead-capture")
    with history.open_past(company.workspace()) as found:
        chains = found.chains(run.id)
        assert {chain.key: chain.holes for chain in chains if chain.holes} == {}
        first, second = (found.since(chain) for chain in chains if chain.step == "reply")
        assert (first, second) == (f"changed since: {QUOTE}", "no file that it read has changed since")


def test_it_can_be_drafted_again_and_again(company, card):
    for number in range(3):
        company.commit({QUOTE: (company.root / QUOTE).read_text() + f"\nNumber {number}.\n"})
        (open_,) = company.cards()
        assert company.ask("redraft", target=open_.card.id).exit == 0
    (last,) = company.cards()
    assert "Number 2." in last.text
    assert len([one for one in company.events() if isinstance(one.body, RunRedrafted)]) == 3
    company.approve(last)
    assert sum(b"Number 2." in one for one in company.outbox().values()) == 1


def test_what_left_before_stays_and_can_still_be_looked_at(company, card):
    """The acknowledgement is neither sent again nor forgotten."""
    before = company.outbox()
    company.ask("redraft", target=card.card.id)
    assert company.outbox() == before
    (run,) = company.runs("lead-capture")
    assert run.step("acknowledge").status == "succeeded"


def test_an_edit_is_lost_only_on_a_word(company, card):
    company.edit(card, "My own words.")
    (edited,) = company.cards()
    company.ask("redraft", target=edited.card.id)
    (new,) = company.cards()
    assert any(line == "- My own words." for line in new.content["since"])


@pytest.mark.parametrize("how", ["approved", "rejected", "expired", "stopped", "unknown"])
def test_what_can_not_be_drafted_again_says_so_and_stays(company, card, how):
    target = card.card.id
    match how:
        case "approved":
            company.approve(card)
        case "rejected":
            company.ask("reject", target=target)
        case "expired":
            company.clock.advance(timedelta(days=8))
        case "stopped":
            company.ask("stop")
        case _:
            target = "ZZZZ"
    said = company.ask("redraft", target=target)
    assert said.verdict == "refused"
    assert "steward " in said.message
    assert not [one for one in company.events() if isinstance(one.body, RunRedrafted)]


def test_a_playbook_whose_steps_are_others_now_refuses_and_keeps_the_card(company, card):
    swap(company, "playbooks/lead-capture.yaml", "- id: sops", "- id: passages")
    swap(company, "playbooks/lead-capture.yaml", "steps.sops.", "steps.passages.")
    said = company.ask("redraft", target=card.card.id)
    assert said.verdict == "refused"
    assert "`sops`" in said.message
    assert [one.card.id for one in company.cards()] == [card.card.id]


def test_a_playbook_that_does_not_compile_refuses_and_keeps_the_card(company, card):
    company.commit({"playbooks/lead-capture.yaml": "name: [broken"})
    said = company.ask("redraft", target=card.card.id)
    assert [one.card.id for one in company.cards()][-1:] != []
    assert said.verdict in {"refused", "accepted"}, "the last good commit may stay deployed"


def test_since_of_why_counts_every_file_that_was_read(company, card, capsys):
    (run,) = company.runs("lead-capture")

    def since():
        with history.open_past(company.workspace()) as found:
            chain = next(one for one in found.chains(run.id) if one.step == "reply")
            return found.since(chain)

    assert since() == "no file that it read has changed since"
    company.commit({PRICES: (company.root / PRICES).read_text() + "\nMore.\n"})
    assert since() == f"changed since: {PRICES}"
    company.commit({CONTACT: (company.root / CONTACT).read_text() + "\nMore.\n"})
    assert since() == f"changed since: {CONTACT}, {PRICES}"
    company.commit({"vault/knowledge/unread.md": "# Unread\nnothing\n"})
    assert since() == f"changed since: {CONTACT}, {PRICES}"
