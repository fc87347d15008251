"""Real files in a temporary place: a key store, an owner and a ledger."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from engine.ledger import Keys, Ledger, Owner, StateDir
from engine.model.events.events import Draft, Event, StepStarted, StepSucceeded

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class House:
    """What one process of Steward holds open."""

    state: StateDir
    keys: Keys
    owner: Owner
    ledger: Ledger

    def close(self) -> None:
        self.ledger.close()
        self.owner.release()
        self.keys.close()

    def add(self, *bodies, durable=True, after_ms=0, **more) -> tuple[Event, ...]:
        drafts = [Draft(body=body, run="r" * 64, step="draft") for body in bodies]
        return self.ledger.append(drafts, at=AT + timedelta(milliseconds=after_ms), durable=durable, **more)

    def steps(self, *attempts: int, durable=True, after_ms=0) -> tuple[Event, ...]:
        return self.add(*(StepStarted(attempt=one) for one in attempts), durable=durable, after_ms=after_ms)

    def outcome(self, value, subject="") -> str:
        id_ = self.ledger.seal(value, subject)
        self.add(StepSucceeded(attempt=1, outputs=id_))
        return id_

    def attempts(self) -> list[int]:
        return attempts(self.ledger)


def attempts(ledger: Ledger) -> list[int]:
    return [one.body.attempt for one in ledger.events() if isinstance(one.body, StepStarted | StepSucceeded)]


def enter(state: StateDir, probe=None) -> House:
    keys = Keys.open(state)
    owner = Owner.take(state)
    assert owner is not None
    return House(state, keys, owner, Ledger.open(state, keys=keys, owner=owner, probe=probe))


@pytest.fixture
def state() -> Iterator[StateDir]:
    # Not tmp_path: with several workers its name is too long for a socket, and the owner would poll instead.
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        yield StateDir.of("workspace", env={"XDG_STATE_HOME": folder})


@pytest.fixture
def open_house(state) -> Iterator[Callable[..., House]]:
    opened: list[House] = []

    def make(probe=None) -> House:
        opened.append(enter(state, probe))
        return opened[-1]

    yield make
    for house in opened:
        house.close()


@pytest.fixture
def house(open_house) -> House:
    return open_house()
