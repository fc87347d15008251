"""Events that work under way puts into the ledger before it goes on."""

import threading
from datetime import UTC, datetime

import pytest

from engine.kernel.core.event_recorder import EventQueue
from engine.model.effects import Call
from engine.model.errors import LedgerError
from engine.model.events.events import Draft, Event
from engine.model.events.readers import ModelAnswered, ModelReserved
from engine.model.values.ids import RunId, SubjectId

CALL = Call(
    action="agent/x", args={}, run=RunId("r"), step="s", subject=SubjectId("who"), trigger={},
    at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


class Journal:
    def __init__(self, *, broken: bool = False) -> None:
        self.written: list[tuple[int, Draft]] = []
        self.broken = broken

    def write(self, *drafts: Draft) -> tuple[Event, ...]:
        if self.broken:
            raise LedgerError("no room", code="disk-full")
        self.written += [(threading.get_ident(), one) for one in drafts]
        return tuple(Event(seq=len(self.written), ts="", body=one.body, run=one.run) for one in drafts)

    def seal(self, value: object, subject: str) -> str:
        return f"sealed for {subject}: {value}"


def test_an_event_asked_for_on_another_thread_is_written_on_the_loops_thread_before_the_caller_goes_on() -> (
    None
):
    records, journal, nudged = EventQueue(), Journal(), threading.Event()
    records.attach(journal, nudged.set)
    got: list[Event] = []
    body = ModelAnswered(call="c", model="default")
    other = threading.Thread(
        target=lambda: got.append(records.record(body, call=CALL, sealed={"prompt": "words"}))
    )
    other.start()
    assert nudged.wait(10)
    assert not got
    assert records.settle()
    other.join(10)
    assert [event.body for event in got] == [
        ModelAnswered(call="c", model="default", prompt="sealed for who: words")
    ]
    assert [thread for thread, _ in journal.written] == [threading.get_ident()]
    assert not records.settle()


def test_on_the_loops_own_thread_it_is_written_at_once() -> None:
    records, journal = EventQueue(), Journal()
    records.attach(journal, lambda: None)
    assert records.record(ModelReserved(call="c", model="m", usd="0.01"), call=CALL).seq == 1


def test_what_did_not_become_durable_raises_on_both_sides() -> None:
    records, nudged = EventQueue(), threading.Event()
    records.attach(Journal(broken=True), nudged.set)
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            records.record(ModelReserved(call="c", model="m", usd="0.01"), call=CALL)
        except LedgerError as error:
            caught.append(error)

    other = threading.Thread(target=ask)
    other.start()
    assert nudged.wait(10)
    with pytest.raises(LedgerError):
        records.settle()
    other.join(10)
    assert caught


def test_before_the_loop_runs_nothing_is_written() -> None:
    with pytest.raises(LedgerError):
        EventQueue().record(ModelReserved(call="c", model="m", usd="0.01"), call=CALL)
