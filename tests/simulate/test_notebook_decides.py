"""The one write of a notebook: exactly the bytes shown, at strength 1, and the page and the run tell what became of it."""

import shutil
from functools import partial

import pytest

from engine.app.commands import notebook_decisions
from engine.app.composition import build_app
from engine.app.setup.new_workspace import LETTERS
from engine.model.errors import Refused, UsageError
from engine.observe import html, run_page, today_page
from engine.runtime.executor import InLine
from engine.testing.scenario import Scenario


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The demo's letters, read."""
    company = Scenario.make(tmp_path_factory.mktemp("notebook") / "company")
    company.enrol()
    for file in sorted(LETTERS.glob("*.eml")):
        company.drop(file.stem, file.read_bytes())
    company.run()
    return company


@pytest.fixture
def company(full, tmp_path):
    """A copy, to decide in."""
    return Scenario.at(shutil.copytree(full.folder, tmp_path / "company", symlinks=True))


def told(company, shown, digest="", **more):
    """A decision as a notebook makes it, under the company's own clock."""
    wire = partial(build_app, clock=company.clock, executor=InLine())
    return notebook_decisions.decide(
        shown.card.id, digest or shown.digest, workspace=company.workspace(), wire=wire, **more
    )


def card(company, strength=1):
    return next(one for one in company.cards() if one.card.strength == strength)


def test_yes_lets_exactly_the_shown_bytes_leave(company):
    shown = card(company)
    before = len(company.outbox())
    decided = told(company, shown)
    assert decided.verdict == "accepted"
    assert len(company.outbox()) == before + 1
    with today_page.look(company.workspace().state) as seen:
        found = seen.history.rows("SELECT * FROM approvals WHERE card = ?", shown.card.id)[0]
        assert (found["status"], found["channel"]) == ("approved", "notebook")
        run = run_page.of(seen, shown.card.run[:10], anchored=0)
    sent = next(one for one in run.effects if one.step in shown.card.steps)
    assert sent.same is True
    assert sent.approved == sent.sent
    assert run_page.standing(run)[sent.step] == "done"
    assert "✓ shown, approved and sent are the same bytes" in html.compared(run.effects)


def test_no_sends_nothing_and_keeps_why(company):
    shown = card(company)
    before = company.outbox()
    decided = told(company, shown, say="reject", because="not now")
    assert decided.verdict == "accepted"
    assert company.outbox() == before
    with today_page.look(company.workspace().state) as seen:
        found = seen.history.rows("SELECT * FROM approvals WHERE card = ?", shown.card.id)[0]
    assert (found["status"], company.value(found["because"])) == ("rejected", "not now")


def test_other_bytes_than_shown_are_refused_and_so_is_a_card_that_is_gone(company):
    shown = card(company)
    with pytest.raises(Refused, match="not what this card holds"):
        told(company, shown, "0" * 64)
    told(company, shown)
    with pytest.raises(UsageError):
        told(company, shown)


def test_money_and_contracts_are_approved_in_a_terminal_only(company):
    shown = card(company, strength=2)
    before = company.outbox()
    with pytest.raises(Refused) as refused:
        told(company, shown)
    assert refused.value.code == "strength"
    assert shown.card.id[:8] in refused.value.way_out
    assert company.outbox() == before
