import os
import time

import pytest

from engine.ledger import Keys, Ledger
from engine.model.errors import LedgerError, NotOwner
from engine.model.events.owner import RequestDecided
from engine.model.requests import Decided, Request
from tests.unit.ledger.conftest import AT


def request(id_: str, **more) -> Request:
    return Request(id=id_, kind="approve", actor="operator", channel="terminal", **more)


def decide(house, id_: str, message: str = "done") -> None:
    house.add(
        RequestDecided(request=id_, kind="approve", verdict="accepted", code="", exit=0),
        answers=[Decided(request=id_, verdict="accepted", message=message)],
    )


@pytest.fixture
def asker(house):
    """Another process's view: its own handles, no ownership."""
    keys = Keys.open(house.state)
    ledger = Ledger.open(house.state, keys=keys, owner=None)
    yield ledger
    ledger.close()
    keys.close()


def test_a_request_reaches_the_owner_whole_and_wakes_it(house, asker):
    asked = request(
        "r1", target="C", digest="d", strength=2, proof="totp 5", body={"text": "ü", "n": [1]}, at="2026"
    )
    asker.ask(asked)
    assert house.owner.wait(0)
    assert house.ledger.pending() == (asked,)


def test_requests_come_oldest_first_and_leave_when_decided(house, asker):
    for id_ in ("b", "a", "c"):
        asker.ask(request(id_))
    assert [one.id for one in house.ledger.pending()] == ["b", "a", "c"]
    decide(house, "a")
    assert [one.id for one in house.ledger.pending()] == ["b", "c"]
    decide(house, "b")
    decide(house, "c")
    assert house.ledger.pending() == ()
    asker.ask(request("d"))
    assert [one.id for one in house.ledger.pending()] == ["d"]


def test_the_asker_reads_the_answer(house, asker):
    asker.ask(request("r1"))
    assert asker.decided("r1") is None
    decided = Decided(request="r1", verdict="refused", message="no: ü", exit=5, run="r", card="c")
    house.ledger.append([], at=AT, durable=True, answers=[decided])
    assert asker.decided("r1") == decided


def test_a_request_is_decided_once(house, asker):
    asker.ask(request("r1"))
    decide(house, "r1", "first")
    seq = house.ledger.head()[0]
    with pytest.raises(LedgerError, match="decided already"):
        decide(house, "r1", "second")
    decided = asker.decided("r1")
    assert decided is not None
    assert decided.message == "first"
    assert house.ledger.head()[0] == seq
    assert len(list(house.ledger.events())) == seq
    house.steps(1)
    assert house.ledger.verify().ok


def test_asking_twice_with_one_id_asks_once(house, asker):
    asker.ask(request("r1", target="first"))
    asker.ask(request("r1", target="second"))
    (only,) = house.ledger.pending()
    assert only.target == "first"
    decide(house, "r1")
    asker.ask(request("r1"))
    assert house.ledger.pending() == ()


def test_a_request_survives_without_any_owner(open_house, house, asker):
    house.close()
    asker.ask(request("r1"))
    assert [one.id for one in open_house().ledger.pending()] == ["r1"]


def test_answers_are_in_the_transaction_of_their_events(open_house):
    class Stop(Exception):
        pass

    armed = False

    def probe(point: str) -> None:
        if armed and point.startswith("append:written"):
            raise Stop

    house = open_house(probe)
    house.ledger.ask(request("r1"))
    armed = True
    with pytest.raises(Stop):
        decide(house, "r1")
    armed = False
    assert house.ledger.decided("r1") is None
    assert list(house.ledger.events()) == []
    assert [one.id for one in house.ledger.pending()] == ["r1"]


def test_words_of_an_erased_person_are_gone_and_their_request_is_refused(house, asker):
    anna = house.keys.subject("anna")
    asker.ask(request("r1", body={"text": "to anna"}), anna)
    asker.ask(request("r2"))
    house.ledger.erase(anna)
    assert [one.id for one in house.ledger.pending()] == ["r2"]
    decided = asker.decided("r1")
    assert decided is not None
    assert (decided.verdict, decided.exit) == ("refused", 5)


def test_only_the_owner_sees_what_is_pending_and_answers(asker):
    with pytest.raises(NotOwner):
        asker.pending()
    with pytest.raises(NotOwner):
        asker.append([], at=AT, durable=True, answers=[Decided(request="r", verdict="noop", message="")])


def test_many_processes_may_ask_while_the_owner_appends(house):
    pids = []
    for process in range(4):
        pid = os.fork()
        if not pid:
            keys = Keys.open(house.state)
            ledger = Ledger.open(house.state, keys=keys, owner=None)
            for number in range(25):
                ledger.ask(request(f"{process}-{number}"))
            os._exit(0)
        pids.append(pid)
    seen: set[str] = set()
    deadline = time.monotonic() + 30
    while len(seen) < 100 and time.monotonic() < deadline:
        for one in house.ledger.pending():
            decide(house, one.id)
            seen.add(one.id)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 4
    assert len(seen) == 100
    assert house.ledger.verify().events == 100
