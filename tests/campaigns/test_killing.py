"""A first part of the long campaigns with every test run, and what the campaigns rest on."""

import json
import sqlite3

import pytest

from engine.model.events.events import TYPES
from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario
from tests.campaigns import evidence, executed, killing
from tests.campaigns.invariants import ACKNOWLEDGED, judge
from tests.campaigns.standin import FINISHED


@pytest.fixture(scope="module")
def theatre(tmp_path_factory):
    return killing.Theatre(tmp_path_factory.mktemp("theatre"))


@pytest.mark.slow
def test_wherever_it_dies_nothing_is_lost_or_doubled(theatre):
    """One test: to list the points, every story is told once."""
    points = killing.all_points(theatre)
    # Deaths around a model's call are tried where a model is: tests/simulate/test_agents.py and test_budgets.py; around a notebook in
    # test_notebooks_accepted.py.
    elsewhere = {"model.reserved", "model.answered", "budget.decided", "notebook.accepted"}
    assert {type_ for point in points for type_ in point.events} == set(TYPES) - elsewhere - UNTOLD
    assert {point.name for point in points} >= {"call:before", "call:after"}
    assert len(points) >= 300

    once, in_a_row = killing.Tally(), killing.Tally()
    for index in range(24):
        killing.unit(theatre, index, once)
    print(json.dumps(once.result()))
    assert once.violations == []
    assert once.deaths == 24
    for index in range(len(points), len(points) + 4):
        killing.unit(theatre, index, in_a_row)
    assert in_a_row.violations == []
    assert in_a_row.deaths >= 4


UNTOLD = {"health.waived", "operator.notified"}
"""Events that no story has, so nobody dies around them: docs/evidence/outages.md says so. Of a damaged ledger the judge of deaths could only say that
it is damaged, and a notice needs a channel.
"""


@pytest.mark.slow
def test_a_few_real_commands_die(tmp_path):
    shop, tally = executed.Shop(tmp_path), killing.Tally()
    for index in range(4):
        executed.unit(shop, index, tally)
    assert tally.violations == []
    assert tally.deaths >= 3


def undisturbed(theatre, story):
    with theatre.stage() as place, Provider.start(place / PROVIDER_FILE) as provider:
        assert killing.told(place, story, provider) == FINISHED
        yield place


@pytest.fixture
def held(theatre):
    yield from undisturbed(theatre, "held")


@pytest.fixture
def quoted(theatre):
    yield from undisturbed(theatre, "quote")


def test_an_undisturbed_story_violates_nothing(held):
    assert judge(held).violations == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: [*rows, *[row for row in rows if row["what"] == "effect"]], "duplicate"),
        (lambda rows: [row for row in rows if row["what"] != "effect"], "lost"),
        (
            lambda rows: [*rows, {"what": "effect", "key": "nobody", "body": "b", "id": "x"}],
            "without an intent",
        ),
    ],
)
def test_what_the_provider_says_otherwise_is_noticed(held, change, says):
    file = held / PROVIDER_FILE
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))
    assert any(says in one for one in judge(held).violations)


def test_a_lost_or_doubled_letter_is_noticed(quoted):
    box = quoted / "work" / "outbox"
    letter = next(iter(box.glob("*.eml")))
    (box / "copy.eml").write_bytes(letter.read_bytes())
    assert any("duplicate" in one for one in judge(quoted).violations)
    (box / "copy.eml").unlink()
    letter.unlink()
    assert any("lost" in one for one in judge(quoted).violations)


def test_an_acknowledgement_that_is_gone_is_noticed(held):
    with (held / ACKNOWLEDGED).open("a") as file:
        file.write("event 3 " + "0" * 64 + "\nanswer nobody-asked accepted\n")
    assert len(judge(held).violations) == 2


def test_a_ledger_that_lost_its_end_is_noticed(held):
    state = Scenario.at(held).workspace().state
    db = sqlite3.connect(state.ledger)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DELETE FROM events WHERE seq > (SELECT max(seq) - 2 FROM events)")
    db.commit()
    db.close()
    assert any("verify" in one for one in judge(held).violations)


def test_slices_go_on_where_the_last_one_ended(tmp_path):
    file = tmp_path / "campaigns.jsonl"
    for first, last, digest in ((0, 10, "a"), (10, 25, "a"), (30, 40, "a"), (0, 5, "b")):
        row = {
            "campaign": "killing",
            "digest": digest,
            "range": [first, last],
            "result": {"points": last - first},
        }
        evidence.add(row, file)
    done = evidence.slices("killing", "a", file)
    assert evidence.next_unit(done) == 25
    assert evidence.claim(done) == {"points": 35}
    assert evidence.next_unit(evidence.slices("killing", "other code", file)) == 0


def test_other_code_is_another_digest():
    assert evidence.digest("tests/campaigns") != evidence.digest("tests/campaigns", "engine/testing")
    assert evidence.digest("engine/testing") == evidence.digest("engine/testing")
