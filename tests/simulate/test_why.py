"""Why an effect happened: every link of every effect is there, and a missing or altered one is named."""

import json
import shutil
from itertools import pairwise

import pytest

from engine.app.commands import history
from engine.app.setup.new_workspace import LETTERS
from engine.model.errors import UsageError
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
    with history.open_past(decided.workspace()) as found:
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
    with history.open_past(decided.workspace()) as found:
        whole = Why(found.history, found.ledger, anchored=0)
        altered = Why(Altered(found.history, drop, change), found.ledger, anchored=0)
        assert not [hole for chain in whole.run(run) for hole in chain.holes]
        holes = [hole for chain in altered.run(run) for hole in chain.holes]
    assert any(hole.startswith(link) for hole in holes), holes


def test_a_person_is_found_by_their_address_and_a_stranger_makes_no_subject(decided):
    sender = decided.value(decided.runs()[0].event)["from"]
    with history.open_past(decided.workspace()) as found:
        assert found.chains(sender.upper())
        assert found.timeline(sender, 5)
        assert found.subject("nobody@example.com") == ""
        assert found.keys.find("nobody@example.com") is None


def beginning(found, table, column, *others):
    """The shortest beginning of just one of a kind that begins something of the other kinds as well."""
    mine = {row[column] for row in found.history.rows(f"SELECT {column} FROM {table}")}
    theirs = [one for other in others for one in other]
    for length in range(1, 6):
        for one in sorted(mine):
            given = one[:length]
            only = sum(other.startswith(given) for other in mine) == 1
            if only and any(other.startswith(given) for other in theirs):
                return one, given
    raise AssertionError(f"no beginning is shared with {table}")


def test_a_beginning_is_a_run_s_before_it_is_an_effect_s(decided):
    with history.open_past(decided.workspace()) as found:
        keys = {row["key"] for row in found.history.rows("SELECT key FROM effects")}
        run, given = beginning(found, "runs", "run", keys)
        assert {chain.run for chain in found.chains(given)} <= {run}
        key = min(keys)
        assert [chain.key for chain in found.chains(key)] == [key]


def test_a_card_is_asked_about_in_either_case_and_its_steps_alone_are_told(decided):
    card = decided.cards(status="approved")[0].card
    with history.open_past(decided.workspace()) as found:
        for given in (card.id, card.id.lower()):
            chains = found.chains(given)
            assert {chain.run for chain in chains} == {card.run}
            assert {chain.step for chain in chains} == set(card.steps)


def test_a_beginning_of_several_says_which_and_what_to_type(decided):
    runs = sorted(run.id for run in decided.runs())
    # Ids are drawn: when no two of them begin alike, nothing typed is the beginning of them all.
    given = next((one[0] for one, other in pairwise(runs) if one[0] == other[0]), "")
    with history.open_past(decided.workspace()) as found:
        with pytest.raises(UsageError) as caught:
            found.chains(given)
        assert caught.value.code == "ambiguous"
        named = caught.value.way_out.rpartition(" ")[2]
        assert named in caught.value.message
        assert {chain.run for chain in found.chains(named)} <= {one for one in runs if one.startswith(named)}


def test_the_log_is_the_same_from_history_and_from_the_ledger_alone(decided):
    with history.open_past(decided.workspace()) as found, decided.reading() as reading:
        plain = history.Folded(reading=reading)
        run = next(iter(reading.book.runs))
        for about in ({}, {"run": run[:12]}, {"project": "nothing"}, {"run": run, "project": "nothing"}):
            for count in (0, 1, 7, 100_000):
                assert [(one.seq, words) for one, words in found.described(**about, lines=count)] == [
                    (one.seq, words) for one, words in plain.described(**about, lines=count)
                ]
                assert [one.seq for one in found.log(**about, limit=count)] == [
                    one.seq for one in plain.log(**about, limit=count)
                ]


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
