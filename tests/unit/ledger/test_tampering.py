"""What `verify`, opening and reading say about a ledger that somebody, or a disk, changed."""

import random
import shutil
import sqlite3

import pytest

from engine.ledger import Keys, Ledger
from engine.model.errors import EngineError, LedgerError
from engine.model.events.events import StepStarted, StepSucceeded
from tests.unit.ledger.conftest import House

EVENTS = 12


@pytest.fixture
def closed(open_house):
    """A closed ledger with events, values, a large value and a content."""
    house = open_house()
    house.steps(*range(EVENTS - 3))
    house.outcome({"n": 1}, house.keys.subject("anna@example.com"))
    house.outcome("x" * 100_000)
    house.ledger.keep(b"plan")
    house.steps(99)
    house.close()
    return house.state


def change(state, sql: str, *values) -> None:
    """Change the database as somebody would who knows how to."""
    db = sqlite3.connect(state.ledger)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    assert db.execute(sql, values).rowcount
    db.commit()
    db.close()


def report(state):
    keys = Keys.open(state)
    ledger = Ledger.open(state, keys=keys, owner=None)
    try:
        return ledger.verify()
    finally:
        ledger.close()
        keys.close()


def test_an_untouched_ledger_is_fine(closed):
    found = report(closed)
    assert found.ok
    assert (found.events, found.values, found.contents, found.bad) == (EVENTS, 2, 1, None)


@pytest.mark.parametrize("seq", range(1, EVENTS))
@pytest.mark.parametrize("column", ["bytes", "hash"])
def test_every_flipped_bit_of_an_event_is_found_at_its_place(closed, seq, column):
    db = sqlite3.connect(closed.ledger)
    data = bytearray(db.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()[0])
    db.close()
    bit = random.Random(seq).randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    change(closed, f"UPDATE events SET {column} = ? WHERE seq = ?", bytes(data), seq)

    found = report(closed)

    assert not found.ok
    assert found.bad == seq
    assert f"event {seq}" in found.problem


@pytest.mark.parametrize(
    ("sql", "bad"),
    [
        ("UPDATE events SET type = 'run.ended' WHERE seq = 3", 3),
        ("UPDATE events SET run = '' WHERE seq = 4", 4),
        ("UPDATE events SET bytes = CAST(bytes AS TEXT) WHERE seq = 5", 5),
        ("UPDATE events SET seq = 999 WHERE seq = 6", 6),
        ("DELETE FROM events WHERE seq = 7", 7),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("DELETE FROM sealed_values WHERE sealed IS NOT NULL", 10),
        ("UPDATE sealed_values SET sealed = x'0100' WHERE sealed IS NOT NULL", 10),
        ("UPDATE sealed_values SET sealed = 'text' WHERE sealed IS NOT NULL", 10),
        ("UPDATE sealed_values SET subject = '' WHERE sealed IS NOT NULL", 10),
        ("DELETE FROM sealed_values WHERE sealed IS NULL", 11),
        ("UPDATE contents SET bytes = x'00'", 0),
    ],
)
def test_other_changes_are_found_at_their_place(closed, sql, bad):
    change(closed, sql)
    found = report(closed)
    assert not found.ok
    assert found.bad == bad


def test_a_changed_and_a_missing_blob_are_found(closed):
    (blob,) = closed.blobs.glob("_/*")
    data = bytearray(blob.read_bytes())
    data[50_000] ^= 1
    blob.write_bytes(bytes(data))
    assert report(closed).bad == 11
    blob.unlink()
    assert report(closed).bad == 11


@pytest.mark.parametrize("left", range(EVENTS))
def test_a_cut_at_any_record_boundary_is_found_through_the_anchor(closed, left, open_house):
    change(closed, "DELETE FROM events WHERE seq > ?", left)

    found = report(closed)
    assert not found.ok
    assert found.bad == left + 1
    assert "cut off" in found.problem

    house = open_house()
    try:
        assert "cut off" in house.ledger.trouble
        assert house.ledger.head()[0] == len(house.attempts()) == left
        with pytest.raises(LedgerError, match="cut off") as refused:
            house.steps(1)
        assert refused.value.now_true
        assert refused.value.way_out
    finally:
        house.close()


def test_without_the_anchor_a_cut_would_go_unseen(closed, open_house):
    change(closed, "DELETE FROM events WHERE seq > 5")
    closed.head.unlink()
    assert "head file" in report(closed).problem
    house = open_house()
    assert "head file" in house.ledger.trouble
    house.close()


def test_another_chain_of_the_same_length_is_not_the_anchored_one(closed, tmp_path, open_house):
    head = closed.head.read_bytes()
    shutil.rmtree(closed.path)
    house = open_house()
    house.steps(*range(EVENTS))
    house.close()
    closed.head.write_bytes(head)

    assert not report(closed).ok
    house = open_house()
    assert "differs" in house.ledger.trouble
    house.close()


def test_a_chain_longer_than_its_anchor_is_normal(closed, open_house):
    old = closed.head.read_bytes()
    house = open_house()
    house.steps(1, 2)
    house.close()
    closed.head.write_bytes(old)
    assert report(closed).ok
    house = open_house()
    assert house.ledger.trouble == ""
    house.close()


@pytest.mark.parametrize("slot", [0, 4096])
def test_a_torn_anchor_leaves_the_other_slot(closed, slot, open_house):
    data = bytearray(closed.head.read_bytes())
    data[slot + 20 : slot + 60] = bytes(40)
    closed.head.write_bytes(bytes(data))
    assert report(closed).ok
    house = open_house()
    assert house.ledger.trouble == ""
    house.close()


def test_reading_stops_at_the_altered_event_with_words_and_not_with_a_traceback(closed, open_house):
    change(closed, "UPDATE events SET bytes = replace(bytes, '\"attempt\":4', '\"attempt\":5') WHERE seq = 5")
    house = open_house()
    with pytest.raises(LedgerError, match="event 5") as refused:
        list(house.ledger.events())
    assert next(house.ledger.events()).seq == 1
    assert refused.value.code == "damaged"
    house.close()


def test_an_altered_last_event_is_noticed_on_opening(closed, open_house):
    change(closed, "UPDATE events SET hash = x'00' WHERE seq = ?", EVENTS)
    house = open_house()
    assert f"event {EVENTS} was altered" in house.ledger.trouble
    with pytest.raises(LedgerError, match="altered"):
        house.steps(1)
    house.close()


def everything(house: House) -> list[object]:
    seen: list[object] = []
    for one in house.ledger.events():
        seen.append(one)
        if isinstance(one.body, StepSucceeded) and one.body.outputs:
            seen.append(house.ledger.unseal(one.body.outputs))
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_anywhere_in_the_file_is_found_or_changes_nothing(closed, seed, open_house):
    house = open_house()
    good = everything(house)
    house.close()
    data = bytearray(closed.ledger.read_bytes())
    place = random.Random(seed).randrange(len(data) * 8)
    data[place // 8] ^= 1 << place % 8
    closed.ledger.write_bytes(bytes(data))

    keys = Keys.open(closed)
    try:
        ledger = Ledger.open(closed, keys=keys, owner=None)
    except LedgerError as refused:
        assert refused.message  # noqa: PT017 - being refused is one of the good ends
        keys.close()
        return
    found = ledger.verify()
    house.ledger, house.keys = ledger, keys
    try:
        same = everything(house) == good
    except EngineError:
        same = False
    assert same or not found.ok
    ledger.close()
    keys.close()


@pytest.mark.parametrize("damage", ["garbage", "zero-page", "half", "empty"])
def test_a_damaged_file_is_explained(closed, damage):
    data = closed.ledger.read_bytes()
    closed.ledger.write_bytes(
        {
            "garbage": b"this is no database " * 500,
            "zero-page": data[:8192] + bytes(4096) + data[12288:],
            "half": data[: len(data) // 2],
            "empty": b"",
        }[damage]
    )
    keys = Keys.open(closed)
    try:
        ledger = Ledger.open(closed, keys=keys, owner=None)
    except LedgerError as refused:
        assert refused.message  # noqa: PT017 - being refused is one of the good ends
        assert refused.way_out  # noqa: PT017
    else:
        assert ledger.trouble or not ledger.verify().ok
        ledger.close()
    keys.close()


def test_a_cut_of_the_log_at_any_place_gives_a_prefix_and_is_found(open_house, tmp_path):
    house = open_house()
    for attempt in range(6):
        house.steps(attempt)
    wal = house.state.path / "ledger.db-wal"
    copies = {
        name: (house.state.path / name).read_bytes()
        for name in ("ledger.db", "ledger.db-wal", "head", "keys.db")
    }
    assert len(copies["ledger.db-wal"]) > 6 * 4096
    house.close()

    for cut in range(0, len(copies["ledger.db-wal"]), 997):
        for name, data in copies.items():
            (house.state.path / name).write_bytes(data)
        (house.state.path / "ledger.db-shm").unlink(missing_ok=True)
        wal.write_bytes(copies["ledger.db-wal"][:cut])
        again = open_house()
        seen = again.attempts()
        assert seen == list(range(len(seen)))
        assert bool(again.ledger.trouble) == (len(seen) < 6)
        assert again.ledger.verify().ok == (len(seen) == 6)
        again.close()


def test_another_key_store_is_noticed_before_anything_is_written(closed, open_house):
    closed.keys.unlink()
    house = open_house()
    assert "keys.db" in house.ledger.trouble
    with pytest.raises(LedgerError, match="key store"):
        house.add(StepStarted(attempt=1))
    house.close()
