"""Why an effect happened: every link of every effect is there, and a missing or altered one is named."""

import json
import shutil

import pytest

from engine.app import past
from engine.app.making import LETTERS
from engine.observe.why import LINKS, Why
from engine.testing.scenario import Scenario
from tests.simulate.terminal import environment, plainly

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """The demo's letters, every card of them approved."""
    company = Scenario.make(tmp_path_factory.mktemp("why") / "company")
    company.enrol()
    for file in sorted(LETTERS.glob("*.eml")):
        company.drop(file.stem, file.read_bytes())
    company.run()
    first = company.cards()[0]
    company.edit(first, "Thank you. I will write again on Monday.")
    for shown in company.cards():
        company.approve(shown)
    return company


class Altered:
    """A history in which some events are missing, or are not as they were."""

    def __init__(self, real, drop=(), change=None):
        self.real, self.drop, self.change = real, drop, change or {}

    def rows(self, sql, *values):
        found = self.real.rows(sql, *values)
        kept = [row for row in found if row.get("type") not in self.drop]
        for row in kept:
            if row.get("type") in self.change:
                row["body"] = json.dumps(json.loads(row["body"]) | self.change[row["type"]])
        return kept


def test_every_effect_of_the_demo_resolves_completely(decided):
    with past.of(decided.workspace()) as found:
        runs = [run.id for run in decided.runs()]
        chains = [chain for run in runs for chain in found.chains(run)]
        assert len(chains) >= len(decided.outbox())
        assert {chain.key: chain.holes for chain in chains if chain.holes} == {}
        assert {tuple(link.name for link in chain.links) for chain in chains} == {LINKS}
        sent = [link.said for chain in chains for link in chain.links if link.name == "sent"]
        assert sum("succeeded" in said[-1] for said in sent) >= len(decided.outbox())
        words = json.dumps([chain.links[4].said for chain in chains])
        assert ".md#" in words


@pytest.mark.parametrize(
    ("drop", "change", "link"),
    [
        (("card.approved",), {}, "approval"),
        (("card.opened",), {}, "approval"),
        (("effect.gated",), {}, "rule"),
        (("run.created",), {}, "trigger"),
        ((), {"card.approved": {"digest": "0" * 64}}, "approval"),
    ],
)
def test_a_missing_or_altered_link_is_a_hole(decided, drop, change, link):
    run = next(card.card.run for card in decided.cards(status="approved"))
    with past.of(decided.workspace()) as found:
        whole = Why(found.history, found.reading.ledger, anchored=0)
        altered = Why(Altered(found.history, drop, change), found.reading.ledger, anchored=0)
        assert not [hole for chain in whole.run(run) for hole in chain.holes]
        holes = [hole for chain in altered.run(run) for hole in chain.holes]
    assert any(hole.startswith(link) for hole in holes), holes


def test_a_person_is_found_by_their_address_and_a_stranger_makes_no_subject(decided):
    sender = decided.value(decided.runs()[0].event)["from"]
    with past.of(decided.workspace()) as found:
        assert found.chains(sender.upper())
        assert found.timeline(sender, 5)
        assert found.subject("nobody@example.com") == ""
        assert found.reading.keys.find("nobody@example.com") is None


def test_the_commands_say_it_in_words_and_as_data(decided, tmp_path):
    company = Scenario.at(shutil.copytree(decided.folder, tmp_path / "company", symlinks=True))
    env = environment(company.env)
    run = company.cards(status="approved")[0].card.run
    told = plainly(["why", run[:8]], cwd=company.root, env=env)
    assert told.code == 0, told.text
    assert "shown, approved and executed are the same bytes" in told.text
    data = json.loads(plainly(["why", run[:8], "--json"], cwd=company.root, env=env).text)
    assert data["data"][0]["holes"] == []
    assert "created by email" in plainly(["timeline", run[:8]], cwd=company.root, env=env).text
    assert "0.00 USD" in plainly(["costs"], cwd=company.root, env=env).text
    wrong = plainly(["why", "zzzz"], cwd=company.root, env=env)
    assert wrong.code == 2
    assert "Traceback" not in wrong.text
