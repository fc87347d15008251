"""What a conversation keeps in mind: sealed, small, for a while, and gone afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.ledger import Keys, StateDir
from engine.memory.conversation_store import LIFE, MAX_ENTRY, MAX_SUBJECT, Working
from engine.model.values.ids import RunId, SubjectId
from engine.model.values.timestamps import later, stamp
from tests.contract.world import AT, call


@pytest.fixture
def keys(tmp_path):
    opened = Keys.open(StateDir(tmp_path / "state"))
    yield opened
    opened.close()


@pytest.fixture
def working(tmp_path, keys):
    return Working(tmp_path / "working.db", keys)


@pytest.fixture
def letter(keys):
    """A call of run `run`, about `who`, in `thread`, at `after` the beginning."""

    def make(run="1", who="ada@example.org", thread="t1", after=timedelta(0)):
        subject = SubjectId(keys.subject(who)) if who else None
        asked = call("memory/recall", {}, trigger={"thread": thread} if thread else {}, at=AT + after)
        return replace(asked, run=RunId(run * 64), subject=subject)

    return make


def test_the_next_letter_of_the_conversation_finds_it_and_nobody_else_does(working, letter):
    working.put(letter("1"), "wanted", "quote")
    assert working.find(letter("2"), "wanted") == ("quote",)
    assert working.find(letter("1"), "wanted") == ()
    assert working.find(letter("2"), "recalled") == ()
    assert working.find(letter("2", thread="t2"), "wanted") == ()
    assert working.find(letter("2", who="eve@example.org"), "wanted") == ()


def test_the_newest_comes_first_and_a_run_keeps_one_of_a_name(working, letter):
    working.put(letter("1"), "wanted", "quote")
    working.put(letter("2", after=timedelta(hours=1)), "wanted", "support")
    working.put(letter("2", after=timedelta(hours=2)), "wanted", "contract")
    assert working.find(letter("3", after=timedelta(hours=3)), "wanted") == ("contract", "quote")


def test_it_is_seen_while_it_lives_and_gone_afterwards(working, letter, tmp_path):
    working.put(letter("1"), "wanted", "quote")
    now = stamp(AT)
    (entry,) = working.of_run("1" * 64, now=now)
    assert (entry.name, entry.value, entry.until) == ("wanted", "quote", later(now, LIFE))
    over = later(now, LIFE)
    assert working.of_run("1" * 64, now=over) == ()
    assert working.find(letter("2", after=LIFE), "wanted") == ()
    assert working.of_run("1" * 64, now=now)
    working.sweep(over)
    assert working.of_run("1" * 64, now=now) == ()


@pytest.mark.parametrize("given", [{"who": ""}, {"thread": ""}])
def test_without_a_person_or_a_conversation_nothing_is_kept(working, letter, given, tmp_path):
    working.put(letter("1", **given), "wanted", "quote")
    assert not (tmp_path / "working.db").exists()


def test_nothing_of_it_can_be_read_without_the_person_s_key(working, letter, keys, tmp_path):
    asked = letter("1")
    working.put(asked, "wanted", "a word nobody else has")
    assert b"nobody else has" not in (tmp_path / "working.db").read_bytes()
    keys.erase(str(asked.subject))
    assert working.find(replace(letter("2"), subject=asked.subject), "wanted") == ()
    working.put(asked, "wanted", "more")
    assert working.of_run("1" * 64, now=stamp(AT)) == ()


def test_it_stays_small(working, letter, tmp_path):
    working.put(letter("1"), "wanted", "x" * MAX_ENTRY)
    assert working.find(letter("2"), "wanted") == ()
    for number in range(20):
        working.put(letter("1", after=timedelta(minutes=number)), f"n{number}", "x" * (MAX_ENTRY - 200))
    kept = working.of_run("1" * 64, now=stamp(AT))
    assert [one.name for one in kept] == ["n16", "n17", "n18", "n19"]
    assert sum(len(str(one.value)) for one in kept) <= MAX_SUBJECT


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_or_deleted_file_is_a_memory_that_forgot(working, letter, tmp_path, damage):
    working.put(letter("1"), "wanted", "quote")
    (tmp_path / "working.db").write_bytes(damage)
    assert working.find(letter("2"), "wanted") == ()
    (tmp_path / "working.db").unlink()
    working.sweep(stamp(AT))
    assert working.find(letter("2"), "wanted") == ()
    working.put(letter("1"), "wanted", "quote")
    assert working.find(letter("2"), "wanted") == ("quote",)


def test_an_altered_entry_is_not_believed(working, letter, tmp_path):
    import sqlite3

    working.put(letter("1"), "wanted", "quote")
    with sqlite3.connect(tmp_path / "working.db") as base:
        base.execute("UPDATE entries SET name = 'recalled'")
    base.close()
    assert working.find(letter("2"), "recalled") == ()


def test_its_file_is_the_operator_s_alone(working, letter, tmp_path):
    working.put(letter("1"), "wanted", "quote")
    assert (tmp_path / "working.db").stat().st_mode & 0o077 == 0
