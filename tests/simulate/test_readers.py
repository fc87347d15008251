"""Whoever only looks must not hurt the owner, and an owner that was taken over must not add a word."""

from pathlib import Path

import pytest

from engine.app.commands import command_bus
from engine.ledger import Keys, Ledger, Owner
from engine.model.errors import LedgerError
from engine.model.events.events import Draft
from engine.model.events.owner import StopSet
from engine.testing.clock import START
from tests.simulate.terminal import environment, plainly


def test_a_look_from_inside_and_one_from_outside_leave_the_owner_s_log_alone(company):
    """A second handle in the owner's process, closed again, must not drop the locks of the first."""
    workspace = company.workspace()
    owner = Owner.take(workspace.state)
    assert owner is not None
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=owner)
    ledger.append([Draft(body=StopSet(by="one", channel="terminal"))], at=START, durable=True)
    log = Path(f"{workspace.state.ledger}-wal")
    before = log.stat().st_ino
    command_bus.open_reader(workspace).close()

    # A program of its own: a forked child would share what SQLite remembers of the locks.
    assert plainly(["status"], cwd=company.root, env=environment(company.env)).code == 0
    assert log.exists()
    assert log.stat().st_ino == before
    (last,) = ledger.append([Draft(body=StopSet(by="two", channel="terminal"))], at=START, durable=True)
    with company.reading() as reading:
        assert [event.hash for event in reading.ledger.events()][-1] == last.hash
        assert reading.ledger.trouble == ""
    ledger.close()
    keys.close()
    owner.release()


def test_an_owner_that_was_taken_over_adds_nothing(company):
    """Somebody deleted the lock file while it slept; a second owner came."""
    state = company.workspace().state
    keys = Keys.open(state)
    first = Owner.take(state)
    assert first is not None
    asleep = Ledger.open(state, keys=keys, owner=first)
    state.lock.unlink()
    second = Owner.take(state)
    assert second is not None
    awake = Ledger.open(state, keys=keys, owner=second)
    before = awake.append([Draft(body=StopSet(by="awake", channel="terminal"))], at=START, durable=True)
    with pytest.raises(LedgerError) as refused:
        asleep.append([Draft(body=StopSet(by="asleep", channel="terminal"))], at=START, durable=True)
    assert refused.value.code == "not-owner"
    with company.reading() as reading:
        assert list(reading.ledger.events())[-1].hash == before[-1].hash
        assert reading.ledger.verify().ok
    asleep.close()
    awake.close()
    keys.close()
    second.release()
    first.release()
