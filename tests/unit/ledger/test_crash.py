"""SIGKILL at named points: what was acknowledged is there, and what is there is a prefix of what was tried."""

import os
import signal

import pytest

from engine.model.events.events import StepStarted, StepSucceeded
from tests.unit.ledger.conftest import enter

POINTS = [
    f"append:{place}:{type_}"
    for type_ in ("step.started", "step.succeeded", "flush")
    for place in ("before", "written", "after")
    if (type_, place) not in {("flush", "before"), ("flush", "after")}
]


class Killer:
    """Kills the process at the n-th passing of a point."""

    def __init__(self, point: str, nth: int) -> None:
        self.point, self.left = point, nth

    def __call__(self, point: str, /) -> None:
        self.left -= point == self.point
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def work(state, point: str, nth: int, acknowledged: int) -> None:
    """Append in all the ways there are, writing down (to a pipe) each number that was acknowledged."""
    house = enter(state, Killer(point, nth))
    number = house.ledger.head()[0]
    for _ in range(6):
        pending = []
        for _ in range(2):
            number += 1
            house.add(StepStarted(attempt=number), durable=False)
            pending.append(number)
        number += 1
        value = house.ledger.seal(
            {"number": number, "pad": "x" * (number % 3) * 40_000}, house.keys.subject("anna")
        )
        house.ledger.keep(b"content %d" % number)
        house.add(StepSucceeded(attempt=number, outputs=value))
        os.write(acknowledged, bytes([number]))
        number += 1
        house.add(StepStarted(attempt=number), durable=False)
        house.ledger.flush()
        number += 1
        house.add(StepStarted(attempt=number))
        os.write(acknowledged, bytes([number]))
    house.close()
    os._exit(0)


@pytest.mark.parametrize("nth", [1, 2, 5])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_keeps_what_was_acknowledged_and_a_prefix(state, open_house, point, nth):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            work(state, point, nth, write)
        finally:
            os._exit(1)
    os.close(write)
    acknowledged = b"".join(iter(lambda: os.read(read, 64), b""))
    os.close(read)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == -signal.SIGKILL

    house = open_house()

    assert house.ledger.trouble == ""
    assert house.ledger.verify().ok
    seen = house.attempts()
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= max(acknowledged, default=0)
    for event in house.ledger.events():
        if isinstance(event.body, StepSucceeded) and event.body.outputs:
            assert house.ledger.unseal(event.body.outputs)["number"] == event.body.attempt
    house.steps(len(seen) + 1)
    assert house.ledger.verify().ok


def test_a_kill_while_recovering_changes_nothing(state, open_house):
    house = open_house()
    house.steps(*range(5))
    house.close()
    for _ in range(5):
        pid = os.fork()
        if not pid:
            enter(state)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
    again = open_house()
    assert again.attempts() == list(range(5))
    assert again.ledger.verify().ok
    assert again.owner.epoch == 7
