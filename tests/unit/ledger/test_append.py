from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.ledger import Keys, Ledger
from engine.model.errors import LedgerError, NotOwner
from engine.model.events.events import CardOpened, Draft, RunStarted, StepStarted
from tests.unit.ledger.conftest import AT, attempts


def test_events_come_back_as_they_went_in(house):
    body = CardOpened(
        card="C" * 26, gate="send", steps=("a", "ü"), revisions=(1, 2), expires="", strength=1, digest='"quoted"', content="",
    )  # fmt: skip
    draft = Draft(body=body, run='r"1', step="s\n2", subject="f" * 32, actor="operator", cause=7)

    (written,) = house.ledger.append([draft], at=AT, durable=True)

    assert list(house.ledger.events()) == [written]
    assert (written.seq, written.ts, written.body, written.type) == (
        1,
        "2026-03-01T12:00:00.000000Z",
        body,
        "card.opened",
    )
    assert (written.run, written.step, written.subject, written.actor, written.cause) == (
        'r"1',
        "s\n2",
        "f" * 32,
        "operator",
        7,
    )
    assert house.ledger.verify().ok


def test_each_event_chains_to_the_one_before(house):
    first, second = house.steps(1, 2)
    (third,) = house.steps(3)

    assert first.prev == "0" * 64
    assert (second.prev, third.prev) == (first.hash, second.hash)
    assert house.ledger.head() == (3, third.hash)


def test_times_of_other_zones_are_stored_in_utc(house):
    tokyo = timezone(timedelta(hours=9))
    (event,) = house.ledger.append([Draft(body=RunStarted())], at=AT.astimezone(tokyo), durable=True)
    assert event.ts == "2026-03-01T12:00:00.000000Z"


def test_a_time_without_a_zone_is_refused_and_nothing_written(house):
    with pytest.raises(ValueError, match="zone"):
        house.ledger.append([Draft(body=RunStarted())], at=datetime(2026, 1, 1), durable=True)
    assert list(house.ledger.events()) == []


def test_buffered_events_have_seq_and_hash_but_are_not_committed(house):
    (one,) = house.steps(1, durable=False)

    assert one.seq == 1
    assert len(one.hash) == 64
    assert house.ledger.head()[0] == 0
    assert list(house.ledger.events()) == [one]
    assert stored(house) == 0


def test_a_durable_append_takes_the_buffered_ones_along(house):
    house.steps(1, durable=False)
    house.steps(2)
    assert stored(house) == 2


def test_buffered_events_are_committed_after_200_ms(house):
    house.steps(1, durable=False)
    house.ledger.tick(AT + timedelta(milliseconds=199))
    assert stored(house) == 0
    house.ledger.tick(AT + timedelta(milliseconds=200))
    assert stored(house) == 1


def test_the_clock_of_the_buffer_starts_with_its_first_event(house):
    house.steps(1)
    house.steps(2, durable=False, after_ms=150)
    house.ledger.tick(AT + timedelta(milliseconds=250))
    assert stored(house) == 1


def test_the_256th_buffered_event_commits_all(house):
    for attempt in range(255):
        house.steps(attempt, durable=False)
    assert stored(house) == 0
    house.steps(255, durable=False)
    assert stored(house) == 256


def test_closing_commits_the_buffer(open_house):
    house = open_house()
    house.steps(1, durable=False)
    house.close()
    assert open_house().attempts() == [1]


def test_reading_starts_behind_any_event_also_a_buffered_one(house):
    house.steps(1, 2, 3)
    house.steps(4, 5, durable=False)
    for after in range(7):
        assert [one.seq for one in house.ledger.events(after)] == list(range(after + 1, 6))


def test_reading_goes_on_while_events_are_appended(house):
    house.steps(*range(10))
    seen = []
    for event in house.ledger.events():
        seen.append(event.seq)
        if event.seq < 5:
            house.steps(99)
    assert seen == list(range(1, 15))


def test_reading_more_than_a_page(house):
    house.steps(*range(2500))
    assert house.attempts() == list(range(2500))


def test_kept_contents_are_named_by_their_digest_and_survive(open_house):
    house = open_house()
    sha = house.ledger.keep(b"plan")
    assert house.ledger.load_content(sha) == b"plan"
    assert house.ledger.keep(b"plan") == sha
    house.steps(1)
    house.close()
    again = open_house()
    assert again.ledger.load_content(sha) == b"plan"
    assert again.ledger.keep(b"plan") == sha
    with pytest.raises(KeyError):
        again.ledger.load_content("0" * 64)


def test_a_reader_sees_what_is_committed_and_may_not_append(house):
    house.steps(1)
    house.steps(2, durable=False)
    reader = Ledger.open(house.state, keys=house.keys, owner=None)
    try:
        assert attempts(reader) == [1]
        with pytest.raises(NotOwner) as refused:
            reader.append([Draft(body=StepStarted(attempt=1))], at=AT, durable=True)
        assert refused.value.way_out
        with pytest.raises(NotOwner):
            reader.seal("x")
    finally:
        reader.close()


def test_a_reader_may_come_before_any_owner(state, open_house):
    keys = Keys.open(state)
    reader = Ledger.open(state, keys=keys, owner=None)
    assert list(reader.events()) == []
    assert reader.verify().ok
    house = open_house()
    house.steps(1)
    assert len(list(reader.events())) == 1
    reader.close()
    keys.close()


def test_the_database_refuses_to_change_or_remove_rows(house):
    import sqlite3

    house.ledger.keep(b"x")
    house.outcome("value")
    house.ledger.erase(house.keys.subject("somebody"))
    db = sqlite3.connect(house.state.ledger)
    for table, column in {
        "events": "bytes", "sealed_values": "sealed", "contents": "bytes", "epochs": "host", "erasures": "subject",
        "keyring": "fingerprint",
    }.items():  # fmt: skip
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(f"UPDATE {table} SET {column} = x'00'")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(f"DELETE FROM {table}")
    db.close()


def test_probes_name_the_point_and_the_last_event(open_house):
    points: list[str] = []
    house = open_house(points.append)

    house.steps(1)
    house.add(StepStarted(attempt=2), RunStarted())
    house.steps(3, durable=False)
    house.ledger.flush()

    assert points == [
        "append:before:step.started", "append:written:step.started", "append:after:step.started",
        "append:before:run.started", "append:written:run.started", "append:after:run.started",
        "append:before:step.started", "append:after:step.started",
        "append:written:flush",
    ]  # fmt: skip


class Stop(Exception):
    pass


@pytest.mark.parametrize(("point", "survives"), [("before", False), ("written", False), ("after", True)])
def test_an_interrupt_leaves_memory_and_database_agreed(open_house, point, survives):
    armed = False

    def probe(name: str) -> None:
        if armed and name.startswith(f"append:{point}"):
            raise Stop

    house = open_house(probe)
    house.steps(1)
    house.steps(2, durable=False)
    armed = True
    with pytest.raises(Stop):
        house.steps(3)
    armed = False
    house.steps(4)

    assert house.attempts() == ([1, 2, 3, 4] if survives else [1, 2, 4])
    assert house.ledger.verify().ok


def test_an_interrupt_right_behind_the_commit_keeps_the_event(house):
    journal = house.ledger._journal
    original = journal._transaction

    def interrupted(name, answers):
        original(name, answers)
        raise KeyboardInterrupt

    journal._transaction = interrupted
    with pytest.raises(KeyboardInterrupt):
        house.steps(1)
    journal._transaction = original
    house.steps(2)

    assert house.attempts() == [1, 2]
    assert house.ledger.verify().ok


def test_an_event_of_a_newer_version_is_refused_and_not_skipped(house, monkeypatch):
    house.steps(1)
    monkeypatch.delitem(__import__("engine.model.events.events", fromlist=["TYPES"]).TYPES, "step.started")
    with pytest.raises(LedgerError, match=r"event 1 .* unknown event type") as refused:
        list(house.ledger.events())
    assert refused.value.code == "newer"


def test_a_closed_ledger_says_so(open_house):
    house = open_house()
    house.close()
    with pytest.raises(LedgerError, match="closed"):
        house.steps(1)
    house.close()


def test_the_anchor_is_synced_at_most_once_a_second(house, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr("engine.ledger.anchor_file.force", synced.append)
    for ms in (0, 10, 500, 999, 1000, 1500, 2000):
        house.steps(1, after_ms=ms)
    assert len(synced) == 3
    house.ledger.tick(AT.astimezone(UTC) + timedelta(seconds=9))
    assert len(synced) == 3
    house.steps(1, after_ms=9100)
    house.steps(1, after_ms=9200)
    house.ledger.tick(AT + timedelta(milliseconds=10_200))
    assert len(synced) == 5


def stored(house) -> int:
    reader = Ledger.open(house.state, keys=house.keys, owner=None)
    try:
        return len(list(reader.events()))
    finally:
        reader.close()
